/** How long is waited for the next key. */

import { describe, expect, it } from 'vitest';

import { TypingPace } from '../src/typingPace';

function typing(...intervals: number[]): TypingPace {
  const pace = new TypingPace();
  let now = 1000;
  pace.typed(now);
  for (const interval of intervals) {
    pace.typed((now += interval));
  }
  return pace;
}

describe('the delay', () => {
  it('is that of a usual typist at first', () => {
    expect(new TypingPace().delay).toBe(300);
    expect(typing().delay).toBe(300);
  });

  it('is half as long again as the usual interval', () => {
    expect(typing(100, 100, 120, 140, 900).delay).toBe(180);
    expect(typing(100, 200).delay).toBe(225);
  });

  it('is shorter by what an answer takes anyway', () => {
    const pace = typing(200, 200, 200);
    [80, 100, 900].forEach(duration => pace.answered(duration));
    expect(pace.delay).toBe(200);
  });

  it('is never too short nor too long', () => {
    const fast = typing(30, 30);
    fast.answered(500);
    expect(fast.delay).toBe(50);
    expect(typing(1200, 1200).delay).toBe(600);
  });

  it('does not take a pause for slow typing', () => {
    expect(typing(100, 60000, 100).delay).toBe(150);
  });

  it('follows what was typed last', () => {
    const pace = typing(...Array<number>(20).fill(100), ...Array<number>(10).fill(300));
    expect(pace.delay).toBe(450);
  });
});
