/** One request at a time, and none that leads nowhere. */

import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { CompletingKernel, Completions, wait } from '../src/completions';
import type { Completion, Status } from '../src/protocol';

const WANTED = {
  above: [],
  prefix: 'df.',
  suffix: '',
  max_lines: 8,
  is_asked_for: false,
  while_busy: false,
  on_battery: false
};

/**
 * A kernel that answers when it is told to, and counts what it is asked at the same time.
 *
 * What is given up ends a moment later, unless it hears nothing.
 */
class FakeKernel {
  readonly statusChanged = new Signal<this, void>(this);
  isLive = true;
  isHearing = true;
  inFlight = 0;
  most = 0;
  status: Status = { model: 'small', engine: 'scripted', state: 'idle', tokens_per_s: null };
  asked: string[] = [];

  request = (
    method: string,
    payload: typeof WANTED,
    { signal, onEnd }: { signal?: AbortSignal; onEnd?: () => void } = {}
  ): Promise<unknown> => {
    this.asked.push(`${method} ${payload.prefix}`);
    this.most = Math.max(this.most, (this.inFlight += 1));
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        this.inFlight -= 1;
        onEnd?.();
        settle();
      };
      this.answer = (text, silence = '') => end(() => resolve({ text, silence }))();
      this.fail = end(() => reject(new Error('it broke')));
      signal?.addEventListener('abort', () => {
        reject(signal.reason as Error);
        if (this.isHearing) {
          void Promise.resolve().then(end(() => undefined));
        }
      });
    });
  };

  answer: (text: string, silence?: Completion['silence']) => void = () => undefined;
  fail: () => void = () => undefined;
}

let kernel: FakeKernel;
let completions: Completions;
const complete = (changes: Partial<typeof WANTED> = {}) =>
  completions.complete({ ...WANTED, ...changes }, completions.begin());

beforeEach(() => {
  vi.useFakeTimers();
  kernel = new FakeKernel();
  completions = new Completions(kernel as unknown as CompletingKernel);
});
afterEach(() => vi.useRealTimers());

describe('completions', () => {
  it('are what the kernel answers', async () => {
    const asked = complete();
    kernel.answer('head()');
    expect(await asked).toEqual({ text: 'head()', silence: '' });
  });

  it('are one at a time: a newer one ends the older', async () => {
    const asked = Array.from({ length: 1000 }, (_, index) => complete({ prefix: `x${index}` }));
    await vi.advanceTimersByTimeAsync(0);
    kernel.answer('last');
    const answers = await Promise.all(asked);

    expect(kernel.most).toBe(1);
    // What came between the two was never sent.
    expect(kernel.asked).toEqual(['complete x0', 'complete x999']);
    expect(answers.filter(Boolean)).toEqual([{ text: 'last', silence: '' }]);
    expect(answers.at(-1)?.text).toBe('last');
  });

  it('end when they are cancelled', async () => {
    const asked = complete();
    completions.cancel();
    expect(await asked).toBeNull();
    await vi.advanceTimersByTimeAsync(0);
    expect(kernel.inFlight).toBe(0);
  });

  it('wait two seconds at most for the end of what a busy kernel has not given up', async () => {
    kernel.isHearing = false;
    void complete({ prefix: 'first' });
    const asked = complete({ prefix: 'second' });
    await vi.advanceTimersByTimeAsync(1990);
    expect(kernel.asked).toEqual(['complete first']);

    await vi.advanceTimersByTimeAsync(20);
    expect(kernel.asked).toEqual(['complete first', 'complete second']);
    kernel.answer('head()');
    expect((await asked)?.text).toBe('head()');
  });

  it('are not asked for once they were given up', async () => {
    const signal = completions.begin();
    completions.cancel();
    expect(await completions.complete(WANTED, signal)).toBeNull();
    expect(kernel.asked).toEqual([]);
  });

  it.each(['unloaded', 'unsuited'] as const)('pause while the kernel is %s', async silence => {
    const asked = complete();
    kernel.answer('', silence);
    expect((await asked)?.silence).toBe(silence);

    expect(await complete()).toBeNull();
    expect(kernel.asked).toHaveLength(1);
    vi.advanceTimersByTime(30001);
    void complete();
    expect(kernel.asked).toHaveLength(2);
  });

  it('go on after a pause when the session has changed', async () => {
    const asked = complete();
    kernel.answer('', 'unloaded');
    await asked;
    kernel.statusChanged.emit();
    expect(completions.isPaused).toBe(true);

    kernel.status = { ...kernel.status, state: 'loading' };
    kernel.statusChanged.emit();

    expect(completions.isPaused).toBe(false);
  });

  it.each(['busy', 'on_battery'] as const)('do not pause when the kernel is %s', async silence => {
    const asked = complete();
    kernel.answer('', silence);
    await asked;
    expect(completions.isPaused).toBe(false);
  });

  it('pause after a failure, which is not told, except by key', async () => {
    const asked = complete();
    kernel.fail();
    expect(await asked).toBeNull();
    expect(completions.isPaused).toBe(true);

    const byKey = complete({ is_asked_for: true });
    kernel.answer('head()');
    expect((await byKey)?.text).toBe('head()');
  });

  it('end when the kernel restarts, and begin anew', async () => {
    const asked = complete();
    kernel.isLive = false;
    kernel.statusChanged.emit();
    expect(await asked).toBeNull();
    expect(completions.isPaused).toBe(false);
  });

  const warmUp = async (prefix: string, silence: Completion['silence'] = '') => {
    const done = completions.warmUp({ ...WANTED, prefix });
    kernel.answer('', silence);
    await done;
  };

  it('warm up once for the same content, until the kernel restarts', async () => {
    await warmUp('a');
    await warmUp('a');
    await warmUp('b');
    kernel.isLive = false;
    kernel.statusChanged.emit();
    kernel.isLive = true;
    await warmUp('b');

    expect(kernel.asked).toEqual(['warm_up a', 'warm_up b', 'warm_up b']);
  });

  it.each(['unloaded', 'busy', 'on_battery'] as const)(
    'warm up again what was not read since the kernel was %s',
    async silence => {
      await warmUp('a', silence);
      await warmUp('a');
      await warmUp('a');

      expect(kernel.asked).toEqual(['warm_up a', 'warm_up a']);
    }
  );

  it('warm up again what failed', async () => {
    const done = completions.warmUp({ ...WANTED, prefix: 'a' });
    kernel.fail();
    await done;
    await warmUp('a');

    expect(kernel.asked).toEqual(['warm_up a', 'warm_up a']);
  });

  it('warm up again what another model has read', async () => {
    await warmUp('a');
    kernel.status = { ...kernel.status, model: 'large' };
    kernel.statusChanged.emit();
    await warmUp('a');

    expect(kernel.asked).toEqual(['warm_up a', 'warm_up a']);
  });

  describe('know that a model is lost', () => {
    const said = async (silence: Completion['silence']) => {
      const asked = complete({ is_asked_for: true });
      kernel.answer('', silence);
      await asked;
      return completions.hasLostModel;
    };
    const failed = async () => {
      const asked = complete();
      kernel.fail();
      await asked;
    };

    it('once, when it is not there after it was', async () => {
      expect([await said(''), await said('busy')]).toEqual([false, false]);
      expect([await said('unloaded'), await said('unloaded')]).toEqual([true, false]);
    });

    it('when it failed at its first completion', async () => {
      await failed();
      expect(await said('unloaded')).toBe(true);
    });

    it('when it had only read ahead', async () => {
      await warmUp('a');
      expect(await said('unloaded')).toBe(true);
    });

    it('when it failed at reading ahead', async () => {
      const done = completions.warmUp({ ...WANTED, prefix: 'a' });
      kernel.fail();
      await done;
      expect(await said('unloaded')).toBe(true);
    });

    it('unless there was none, or it went with its kernel', async () => {
      expect(await said('unloaded')).toBe(false);
      await said('');
      kernel.isLive = false;
      kernel.statusChanged.emit();
      kernel.isLive = true;
      expect(await said('unloaded')).toBe(false);
    });
  });
});

describe('wait', () => {
  it('ends at once when it is given up', async () => {
    const controller = new AbortController();
    const waiting = wait(60000, controller.signal);
    controller.abort();
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  });
});
