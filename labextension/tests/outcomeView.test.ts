import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { OutcomeView, withAlternative } from '../src/outcomeView';
import { isResultData, ResultAlternative, ResultData } from '../src/protocol';
import { ENGLISH } from './translations';

const FILE = join(__dirname, '../../tests/data/protocol/results.json');
const RESULTS = JSON.parse(readFileSync(FILE, 'utf-8')) as Record<string, ResultData>;
const TRIED = RESULTS['tried'] as ResultData;

function changed(outcome: Record<string, unknown>): unknown {
  return { ...TRIED, outcome: { ...TRIED.outcome, ...outcome } };
}

describe('OutcomeView', () => {
  it('shows a line that opens to what the cell would show', () => {
    const { node } = new OutcomeView(TRIED, ENGLISH);
    const [own] = node.querySelectorAll('details');
    expect(own?.querySelector('summary')?.textContent).toContain('sales adds column revenue');
    expect(own?.querySelector('summary code')?.textContent).toBe('sales');
    expect(own?.querySelector('pre')?.textContent).toBe('done');
    const cells = [...(own?.querySelectorAll('tr') ?? [])].map(row =>
      [...row.children].map(cell => cell.textContent)
    );
    expect(cells).toEqual([['region', 'revenue'], ['north', '30'], ['south', '12'], ['…']]);
  });

  it('stands open where that is what was asked for', () => {
    const [own] = new OutcomeView(TRIED, ENGLISH).node.querySelectorAll('details');
    expect(own?.open).toBe(false);
    const asked = changed({ is_answer: true }) as ResultData;
    expect(new OutcomeView(asked, ENGLISH).node.querySelector('details')?.open).toBe(true);
  });

  it('is a warning where it did not run, or no other answer did the same', () => {
    const warns = (changes: Record<string, unknown>) =>
      new OutcomeView(changed(changes) as ResultData, ENGLISH).node.querySelector('.jp-mod-warn');
    expect(warns({})).toBe(null);
    expect(warns({ ending: 'raised' })).not.toBe(null);
    expect(warns({ is_unsure: true })).not.toBe(null);
  });

  it('is of the code as it came, and no warning, once a finding has been applied', () => {
    const finding = { kind: 'name', message: 'none', block: 0, line: 1, edits: [] };
    const data = changed({ ending: 'raised' }) as ResultData;
    const applied = { ...data, findings: [{ ...finding, is_applied: true }] };
    const { node } = new OutcomeView(applied, ENGLISH);
    expect(node.querySelector('summary')?.textContent).toMatch(
      /^Tried on a copy.* \(before your change\)$/
    );
    expect(node.querySelector('.jp-mod-warn')).toBe(null);
  });

  it('shows other answers, each with its code and a row of buttons', () => {
    const view = new OutcomeView(TRIED, ENGLISH);
    view.addRows(data => Object.assign(document.createElement('div'), { title: data.text }));
    const [, other] = view.node.querySelectorAll('details');
    expect(other?.querySelector('summary')?.textContent).toMatch(/^Another answer: /);
    expect(other?.querySelector('pre')?.textContent).toBe('sales.revenue.sum()');
    expect(other?.querySelector('img')?.src).toContain('data:image/png;base64,');
    expect(other?.lastElementChild?.tagName).toBe('DIV');
  });

  it('makes another answer the only block of its result', () => {
    const [alternative] = TRIED.alternatives ?? [];
    const data = alternative && withAlternative(TRIED, alternative);
    expect(data?.blocks.map(block => block.source)).toEqual(['sales.revenue.sum()']);
    expect(data?.alternatives).toEqual([]);
    expect(isResultData(data)).toBe(true);
  });

  it.each([
    ['', true],
    ['“Replace cell” is not offered: a reason.', false]
  ])('says of each answer itself whether it may replace the cell: "%s"', (obstacle, expected) => {
    const [first] = TRIED.alternatives ?? [];
    const alternative = { ...first, obstacle } as ResultAlternative;
    for (const is_offered of [true, false]) {
      const rewrite = { before: 'x = 1', hidden: [], is_offered };
      const data = { ...TRIED, rewrite, replaces_cell_id: 'c1', alternatives: [alternative] };
      expect(withAlternative(data, alternative).rewrite?.is_offered).toBe(expected);
      expect(new OutcomeView(data, ENGLISH).node.querySelector('p')?.textContent ?? '').toBe(
        obstacle
      );
    }
  });

  it('marks what did not run, and has nothing to open where nothing is to be seen', () => {
    const line = 'Tried on a copy: raises KeyError in line 1: price';
    const failed = {
      line,
      ending: 'raised',
      text: '',
      header: [],
      rows: [],
      is_whole: true,
      png: ''
    };
    const { node } = new OutcomeView({ ...TRIED, outcome: failed, alternatives: [] }, ENGLISH);
    expect(node.querySelector('details')).toBeNull();
    expect(node.querySelector('.jp-mod-warn')?.textContent).toBe(line);
  });

  it('lets a table that is wider than the page be scrolled by keyboard', () => {
    const scrolling = new OutcomeView(TRIED, ENGLISH).node.querySelector('table')?.parentElement;
    expect(scrolling?.tabIndex).toBe(0);
    expect(scrolling?.getAttribute('aria-label')).toBe('The table that this code shows');
  });

  it('is empty where nothing was tried', () => {
    const { node } = new OutcomeView({ ...TRIED, outcome: null }, ENGLISH);
    expect(node.childNodes).toHaveLength(0);
  });

  it('takes markup of a copy for text', () => {
    const { node } = new OutcomeView(
      changed({ line: '<img src=x>', header: ['<b>a</b>'], rows: [['<i>1</i>']] }) as ResultData,
      ENGLISH
    );
    expect(node.querySelector('summary img, th b, td i')).toBeNull();
  });
});

describe('a result', () => {
  it.each([
    { line: 3 },
    { line: 'x'.repeat(2_000) },
    { rows: [['a', 1]] },
    { header: 'a' },
    { png: null },
    { is_whole: 'yes' },
    { is_answer: 'yes' },
    { is_unsure: 'yes' }
  ])('with an outcome of another form is refused: %j', outcome => {
    expect(isResultData(changed(outcome))).toBe(false);
  });
});
