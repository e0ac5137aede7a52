/** The answers that others have taken the place of. */

import { describe, expect, it } from 'vitest';

import { broughtBack, withEarlier } from '../src/earlierAnswers';
import { EarlierAnswer, isResultData, MimeBundle, RESULT_MIME } from '../src/protocol';

function bundle(text: string): MimeBundle {
  const fields = { finish_reason: 'stop', footer: '', prompt: '', insert: 'button' };
  const ids = { cell_id: 'c1', replaces_cell_id: null, answer_id: text };
  const data = { version: 1, text, blocks: [], record: {}, ...fields, ...ids };
  return { [RESULT_MIME]: data, 'text/markdown': [`${text} `, 'md'], 'text/plain': text };
}

function earlier(shown: MimeBundle): string[] {
  const data: unknown = shown[RESULT_MIME];
  const list: EarlierAnswer[] = isResultData(data) ? (data.earlier ?? []) : [];
  return list.map(answer => `${answer.data.text}, ${answer.markdown}, ${answer.plain}`);
}

describe('an answer in the place of another', () => {
  const second = withEarlier(bundle('two'), bundle('one'));
  const third = withEarlier(bundle('three'), second);

  it('keeps it and those before it, the newest first', () => {
    expect(earlier(second)).toEqual(['one, one md, one']);
    expect(earlier(third)).toEqual(['two, two md, two', 'one, one md, one']);
    expect(isResultData(third[RESULT_MIME])).toBe(true);
  });

  it('keeps what exporters show of it, which one that comes back does not have', () => {
    const page = { 'text/html': '<pre>two</pre>' };
    const shown = withEarlier({ ...bundle('two'), ...page }, bundle('one'));
    expect(shown['text/html']).toBe(page['text/html']);
    expect(broughtBack(shown, 0)['text/html']).toBeUndefined();
  });

  it('gives the place back, and is kept itself', () => {
    const back = broughtBack(third, 1);
    expect(back['text/markdown']).toBe('one md');
    expect((back[RESULT_MIME] as { text: string }).text).toBe('one');
    expect(earlier(back)).toEqual(['three, three md, three', 'two, two md, two']);
    expect(isResultData(back[RESULT_MIME])).toBe(true);
  });

  it('changes nothing where there is none with that number', () => {
    expect(broughtBack(second, 7)).toEqual(second);
  });

  it('leaves an output of another release out', () => {
    expect(withEarlier(bundle('two'), { 'text/plain': 'x' })).toEqual(bundle('two'));
  });
});
