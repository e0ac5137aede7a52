/** What a change of one answer does to the output of its batch. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { withAnswer } from '../src/batch';
import { BATCH_MIME, BatchData, MimeBundle } from '../src/protocol';

const path = join(__dirname, '..', '..', 'tests', 'data', 'protocol', 'batches.json');
const BATCHES = JSON.parse(readFileSync(path, 'utf-8')) as Record<string, BatchData>;
const DATA = BATCHES['an answer and a failure'] as BatchData;
const OUTPUT = { [BATCH_MIME]: DATA, 'text/plain': 'a table' } as unknown as MimeBundle;

describe('a changed answer of a batch', () => {
  it('stands in the data and in the Markdown, and the rest stays', () => {
    const bundle = { 'text/markdown': ['```python\n', 'y = 2\n', '```'] };
    const changed = withAnswer(OUTPUT, 0, bundle);
    const data = changed[BATCH_MIME] as unknown as BatchData;
    expect(data.answers.map(answer => answer.bundle)).toEqual([bundle, null]);
    expect(changed['text/markdown']).toBe(
      [
        DATA.table,
        '<details><summary>0: one</summary>',
        '```python\ny = 2\n```',
        '</details>',
        '<details><summary>1: two</summary>',
        'EngineError: It is away.',
        '</details>'
      ].join('\n\n')
    );
    expect(changed['text/plain']).toBe('a table');
    expect(DATA.answers[0]?.bundle).not.toEqual(bundle);
  });

  it('leaves an output alone that has no such answer', () => {
    expect(withAnswer(OUTPUT, 2, {})).toBe(OUTPUT);
    expect(withAnswer({ 'text/plain': 'x' }, 0, {})).toEqual({ 'text/plain': 'x' });
  });
});
