import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { proseOf } from '../src/answerProse';
import type { ResultData } from '../src/protocol';

const FILE = join(__dirname, '../../tests/data/protocol/results.json');
const RESULTS = JSON.parse(readFileSync(FILE, 'utf-8')) as Record<string, ResultData>;

function result(name: string, changes: Partial<ResultData> = {}): ResultData {
  return { ...(RESULTS[name] as ResultData), ...changes };
}

describe('the words of an answer', () => {
  it('are what stands around the code that has buttons of its own', () => {
    expect(proseOf(result('two blocks'))).toBe('The mean per city:\n\nAnd the files:');
  });

  it('keep the listings of an explanation', () => {
    const { text } = result('two blocks');
    expect(proseOf(result('two blocks', { insert: 'none' }))).toBe(text.trim());
  });

  it('keep what is shown and not run', () => {
    const [block] = result('one block').blocks;
    const shown = { ...block, cell_type: 'markdown', code: '3', language: 'text' };
    const text = 'It prints:\n\n```text\n3\n```';
    expect(proseOf(result('one block', { text, blocks: [shown as never] }))).toBe(text);
  });

  it('are none where there is code alone', () => {
    const { blocks } = result('one block');
    const text = `\`\`\`python\n${blocks[0]?.code ?? ''}\n\`\`\``;
    expect(proseOf(result('one block', { text }))).toBe('');
  });

  it('are neither the difference to a cell nor what the model thinks', () => {
    const { rewrite } = result('a cell rewritten');
    const thoughts = '<details><summary>Thoughts</summary>\n\n```text\nhm\n```\n\n</details>';
    const text = `\`\`\`diff\n-a\n+b\n\`\`\`\n\n${thoughts}\n\nIt was misspelt.`;
    expect(proseOf(result('no code', { text, rewrite: rewrite ?? null }))).toBe('It was misspelt.');
  });
});
