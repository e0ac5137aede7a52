/** What applying a finding does to an answer's saved output, and what the list of them shows. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeEach, describe, expect, it, vi } from 'vitest';

import { FindingList } from '../src/findingList';
import { canApply, withFinding, withListings } from '../src/findings';
import { isResultData, MimeBundle, RESULT_MIME, ResultData } from '../src/protocol';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/ui-components', () => {
  const icon = { element: () => document.createElement('span') };
  const isIcon = (name: string | symbol) => String(name).endsWith('Icon');
  return new Proxy(
    {},
    { get: (_, name) => (isIcon(name) ? icon : undefined), has: (_, name) => isIcon(name) }
  );
});
vi.mock('@lumino/widgets', () => ({
  Widget: class {
    constructor({ node }: { node: HTMLElement }) {
      this.node = node;
    }
    node: HTMLElement;
    addClass(name: string): void {
      this.node.classList.add(name);
    }
  }
}));
vi.mock('../src/notifications', () => ({ notifyFailure: vi.fn() }));

const path = join(__dirname, '..', '..', 'tests', 'data', 'protocol', 'results.json');
const RESULTS = JSON.parse(readFileSync(path, 'utf-8')) as Record<string, ResultData>;

let data: ResultData;

beforeEach(() => {
  data = structuredClone(RESULTS['findings'] as ResultData);
});

function output(shown: ResultData): MimeBundle {
  const items = (shown.findings ?? []).map(({ line, message }) => `- Line ${line}: ${message}`);
  const markdown = [shown.text, '', '- Left out.', ...items, '', '<sub>m</sub>'].join('\n');
  const texts = { 'text/markdown': markdown, 'text/plain': 'as it came' };
  return { [RESULT_MIME]: shown, ...texts } as unknown as MimeBundle;
}

describe('applying a finding', () => {
  it('leaves no page for exporters that shows the code as it was', () => {
    const before = { ...output(data), 'text/html': '<div>Region</div>' };
    expect(withFinding(before, data, 0)).not.toHaveProperty('text/html');
    expect(before).toHaveProperty('text/html');
  });

  it('changes Markdown too that a saved notebook holds as a list of its lines', () => {
    const markdown = output(data)['text/markdown'] as string;
    const before = { ...output(data), 'text/markdown': markdown.split(/(?<=\n)/) };
    const applied = withFinding(before, data, 0)['text/markdown'];
    expect(applied).toBe(withFinding(output(data), data, 0)['text/markdown']);
    expect(applied).not.toBe(markdown);
  });

  it('changes the code, what is shown of it, and the other findings; undoing takes it back', () => {
    const before = output(data);
    const applied = withFinding(before, data, 0);
    const after = applied[RESULT_MIME] as unknown as ResultData;

    expect(after).toEqual(RESULTS['a finding applied']);
    expect(isResultData(after)).toBe(true);
    expect(applied['text/markdown']).toContain("sales.groupby('region')['unts']");
    expect(applied['text/markdown']).toContain('it has `region`. *(applied)*\n- Line 2');
    expect(applied['text/plain']).toBe('as it came');
    expect(withFinding(applied, after, 0)).toEqual({
      ...before,
      [RESULT_MIME]: {
        ...data,
        findings: data.findings?.map((f, number) => (number ? f : { ...f, is_applied: false }))
      }
    });
  });

  it('moves the edits of the others with the code', () => {
    const [, second] = data.findings ?? [];
    const edit = data.findings?.[0]?.edits[0];
    if (edit && second) {
      edit.replacement = 'the_region';
    }
    const once = withFinding(output(data), data, 0)[RESULT_MIME] as unknown as ResultData;
    const twice = withFinding(output(once), once, 1)[RESULT_MIME] as unknown as ResultData;
    expect(twice.blocks[0]?.code).toContain("sales.groupby('the_region')['units'].sum()");
  });

  it('leaves nothing to apply of a finding that it overlaps', () => {
    const [first, second] = data.findings ?? [];
    if (first && second) {
      second.edits = first.edits;
    }
    const after = withFinding(output(data), data, 0)[RESULT_MIME] as unknown as ResultData;
    expect(after.findings?.[1]?.edits).toEqual([]);
  });

  it.each([
    ['no edits', []],
    ['a block that is not there', [{ block: 1, start: 0, end: 1, replacement: '' }]],
    ['an end before its start', [{ block: 0, start: 2, end: 1, replacement: '' }]],
    ['an end beyond the code', [{ block: 0, start: 0, end: 999, replacement: '' }]],
    [
      'edits that overlap',
      [
        { block: 0, start: 0, end: 3, replacement: '' },
        { block: 0, start: 2, end: 4, replacement: '' }
      ]
    ]
  ])('does nothing with %s', (_, edits) => {
    const [finding] = data.findings ?? [];
    if (finding) {
      finding.edits = edits;
      expect(canApply(data, finding)).toBe(false);
    }
    const before = output(data);
    expect(withFinding(before, data, 0)).toBe(before);
  });
});

describe('the code in Markdown', () => {
  it('is replaced in its fence only, in the order of the blocks', () => {
    const text =
      'Use `x = 1`:\n\nx = 1\n\n- so:\n\n  ```py\n  x = 1\n\n  y\n  ```\n\n> ```\n> x = 1\n> ```';
    const changed = withListings(text, ['x = 1\n\ny', 'x = 1'], ['x = 2\n\ny', 'z = 3']);
    expect(changed).toBe(
      'Use `x = 1`:\n\nx = 1\n\n- so:\n\n  ```py\n  x = 2\n\n  y\n  ```\n\n> ```\n> z = 3\n> ```'
    );
  });

  it('stays where it is not found', () => {
    expect(withListings('```text\na\n```', ['b'], ['c'])).toBe('```text\na\n```');
  });

  it('takes the difference above it along', () => {
    const text = '```diff\n-old\n+x = 1\n y\n```\n\n```python\nx = 1\ny\n```';
    expect(withListings(text, ['x = 1\ny'], ['x = 2\ny'])).toBe(
      '```diff\n-old\n+x = 2\n y\n```\n\n```python\nx = 2\ny\n```'
    );
  });
});

describe('the list under an answer', () => {
  const apply = vi.fn();

  function items(): HTMLElement[] {
    const { node } = new FindingList({ data, apply, trans: ENGLISH });
    document.body.replaceChildren(node);
    return [...node.querySelectorAll('li')];
  }

  it('says what was changed and what does not fit, with code as code and no HTML', () => {
    expect(items().map(item => item.querySelector('span')?.textContent)).toEqual([
      'Left out import pandas as pd, which the notebook has already.',
      'Line 2: sales has no column Region; it has region.',
      'Line 2: sales has no column unts; it has units.',
      'Line 3: <b> is *not* defined.'
    ]);
    expect(document.querySelectorAll('b')).toHaveLength(0);
    expect([...document.querySelectorAll('code')].map(code => code.textContent)).toContain('<b>');
  });

  it('takes backticks without an end for what they are', () => {
    data.notes = ['``a``` is not `a`.'];
    const [note] = items();
    expect(note?.textContent).toBe('``a``` is not a.');
    expect(note?.querySelectorAll('code')).toHaveLength(1);
  });

  it('has a named button for what can be mended only', () => {
    const buttons = items().map(item => item.querySelector('button'));
    expect(buttons.map(button => button?.textContent ?? '')).toEqual(['', 'Apply', 'Apply', '']);
    expect(buttons[1]?.getAttribute('aria-label')).toBe(
      'Apply: sales has no column Region; it has region.'
    );
    buttons[2]?.click();
    expect(apply).toHaveBeenCalledExactlyOnceWith(1);
  });

  it('marks what is applied, and offers to undo it', () => {
    data = structuredClone(RESULTS['a finding applied'] as ResultData);
    const [, applied] = items();
    expect(applied?.textContent).toContain('Applied. Line 2');
    expect(applied?.querySelector('button')?.textContent).toBe('Undo');
  });

  it('is empty for an answer of an earlier release', () => {
    delete data.findings;
    delete data.notes;
    expect(isResultData(data)).toBe(true);
    expect(items()).toEqual([]);
  });
});
