/** What is left of a suggestion while it is typed along, and its parts. */

import { describe, expect, it } from 'vitest';

import { firstLine, firstWord, Suggestion } from '../src/suggestion';

const at = (prefix: string, suffix = '', cellId = 'c') => ({ cellId, prefix, suffix });

describe('a suggestion', () => {
  const suggestion = new Suggestion(at('df.'), 'head()\ndf.tail()');

  it.each([
    ['df.', 'head()\ndf.tail()'],
    ['df.he', 'ad()\ndf.tail()'],
    ['df.head()\n', 'df.tail()'],
    ['df.head()\ndf.tail()', '']
  ])('has left at %j what was not typed', (prefix, rest) => {
    expect(suggestion.restAt(at(prefix))).toBe(rest);
  });

  it.each([at('df.t'), at('df'), at('x.'), at('df.he', 'x'), at('df.', '', 'other')])(
    'is over at %j',
    place => expect(suggestion.restAt(place)).toBeNull()
  );

  it('stays when the editor closes a bracket that was typed along', () => {
    const sum = new Suggestion(at('df.', '\ny'), 'sum(axis=0)');
    expect(sum.restAt(at('df.sum(', ')\ny'))).toBe('axis=0');
    expect(sum.restAt(at('df.sum(axis=0', ')\ny'))).toBe('');
  });

  it('is over when what the editor closes is not in it', () => {
    const sum = new Suggestion(at('df.'), 'sum(axis=0)\ny');
    expect(sum.restAt(at('df.sum(', ')'))).toBeNull();
  });
});

describe('a suggestion of several lines', () => {
  it('is over when the editor closes a bracket of the first', () => {
    const print = new Suggestion(at('pri', '\nz'), 'nt(a)\nprint(b)');
    expect(print.restAt(at('print(', ')\nz'))).toBeNull();
    expect(print.restAt(at('print(a)', '\nz'))).toBe('\nprint(b)');
  });
});

describe('firstWord', () => {
  it.each([
    ['groupby("a").sum()', 'groupby'],
    ['("a").sum()', '("'],
    [' = 1 + größe', ' ='],
    [' größe2_a + 1', ' größe2_a'],
    ['\n    return x', '\n    return'],
    ['x', 'x'],
    ['  \n', '  \n']
  ])('of %j is %j', (text, word) => expect(firstWord(text)).toBe(word));

  it('comes to the end of any text', () => {
    let left = 'for a, b in x.items():\n    print(f"{a}: {b!r}")\n';
    for (let words = 0; left && words < 100; words += 1) {
      left = left.slice(firstWord(left).length);
    }
    expect(left).toBe('');
  });
});

describe('firstLine', () => {
  it.each([
    ['a = 1\nb = 2', 'a = 1'],
    ['\nb = 2\nc', '\nb = 2'],
    ['\n\n    b', '\n\n    b'],
    ['\n', '\n']
  ])('of %j is %j', (text, line) => expect(firstLine(text)).toBe(line));
});
