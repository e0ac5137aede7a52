/** How a difference is found, and what of it is shown. */

import { describe, expect, it, vi } from 'vitest';

import { compare, countLines, differenceOf, withoutDifference } from '../src/difference';
import { differenceNode, showDifference } from '../src/differenceView';
import type { ResultData } from '../src/protocol';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/rendermime', () => ({}));

function rewriting(before: string, ...codes: string[]): ResultData {
  const blocks = codes.map(code => ({ code, source: code, cell_type: 'code', language: 'python' }));
  return { rewrite: { before, hidden: [], is_offered: true }, blocks } as unknown as ResultData;
}

function shown(node: HTMLElement, selector: string): string[] {
  return [...node.querySelectorAll(selector)].map(line => line.textContent ?? '');
}

describe('a difference', () => {
  it('is that of the old cell and the one that Replace makes', () => {
    const chunks = differenceOf(rewriting('a = 1\nb = 2\nc = 3', 'a = 1\nb = 22\nc = 3')) ?? [];
    expect(chunks.map(chunk => chunk.isSame)).toEqual([true, false, true]);
    expect(countLines(chunks)).toEqual({ removed: 1, added: 1 });
  });

  it('shows what the cell will hold, with its magic', () => {
    const data = rewriting('ls', 'ls');
    const [block] = data.blocks;
    Object.assign(block ?? {}, { language: 'bash', source: '%%bash\nls' });
    expect(countLines(differenceOf(data) ?? [])).toEqual({ removed: 0, added: 1 });
  });

  it('hides no code behind a carriage return', () => {
    const chunks = compare('a = 1', 'a = 1  # as it was\rrun()');
    expect(countLines(chunks)).toEqual({ removed: 1, added: 2 });
  });

  it.each([
    ['of an answer that rewrites no cell', { ...rewriting('', 'a'), rewrite: null }],
    ['of one that only repeats the cell', rewriting('a', 'a')],
    ['of the several blocks of an older answer', rewriting('a', 'b', 'c')]
  ])('there is none %s', (_, data) => {
    expect(differenceOf(data)).toBeNull();
  });

  it('has lines that only one side has', () => {
    const chunks = compare('a\nb\nc', 'a\nc\nd');
    const lines = (side: 'before' | 'after') =>
      chunks.filter(chunk => !chunk.isSame).map(chunk => chunk[side].length);
    expect(lines('before')).toEqual([1, 0]);
    expect(lines('after')).toEqual([0, 1]);
  });

  it('marks the words that changed, but not in lines that have little in common', () => {
    const node = differenceNode(
      compare('x = mean(values)\nold', 'x = median(values)\nentirely'),
      ENGLISH
    );
    expect(shown(node, 'del mark')).toEqual(['mean']);
    expect(shown(node, 'ins mark')).toEqual(['median']);
  });

  it('is told by signs, not by colour alone', () => {
    const node = differenceNode(compare('a = 1', 'b = 2'), ENGLISH);
    expect(shown(node, 'del')).toEqual(['−a = 1']);
    expect(shown(node, 'ins')).toEqual(['+b = 2']);
    expect(node.getAttribute('aria-label')).toBe(
      'Changes to the cell: 1 line removed, 1 line added'
    );
  });

  it('folds what is far from any change', () => {
    const lines = Array.from({ length: 20 }, (_, number) => `line ${number}`);
    const node = differenceNode(
      compare([...lines, 'x'].join('\n'), [...lines, 'y'].join('\n')),
      ENGLISH
    );
    expect(shown(node, 'summary')).toEqual(['17 unchanged lines']);
    expect(shown(node, ':scope > .jp-CodeFace-same > .jp-CodeFace-before code')).toEqual([
      'line 17',
      'line 18',
      'line 19'
    ]);
  });

  it('shows what looks like HTML as text', () => {
    const node = differenceNode(compare('', '<img src=x onerror=alert(1)>'), ENGLISH);
    expect(node.querySelector('img')).toBeNull();
    expect(shown(node, 'ins code')).toEqual(['<img src=x onerror=alert(1)>']);
  });

  it('stands in the place of the new cell, whose listing stays for the buttons', () => {
    const answer = document.createElement('div');
    answer.innerHTML = '<p>So:</p><pre>b = 2\n</pre><p>Done.</p>';
    showDifference(answer, compare('a = 1', 'b = 2'), { code: 'b = 2', trans: ENGLISH });
    const [, difference, listing] = [...answer.children];
    expect(difference?.className).toBe('jp-CodeFace-difference');
    expect((listing as HTMLElement).hidden).toBe(true);
  });
});

describe('withoutDifference', () => {
  it('leaves out what an answer begins with, and nothing else', () => {
    const answer = 'So:\n\n```diff\n+x\n```';
    expect(withoutDifference('````diff\n-a\n+```\n````\n\n' + answer)).toBe(answer);
    expect(withoutDifference(answer)).toBe(answer);
  });
});
