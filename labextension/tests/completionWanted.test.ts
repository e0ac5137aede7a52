/** What the kernel is told of a place. */

import { YNotebook } from '@jupyter/ydoc';
import { describe, expect, it } from 'vitest';

import { describePlace } from '../src/completionWanted';

const TERMS = { max_lines: 8, is_asked_for: false, while_busy: false, on_battery: false };

function notebookOf(...cells: [string, string][]): YNotebook {
  const notebook = YNotebook.create() as YNotebook;
  notebook.insertCells(
    0,
    cells.map(([cell_type, source]) => ({ cell_type, source }) as never)
  );
  return notebook;
}

function describeLast(notebook: YNotebook, prefix = '', suffix = '') {
  const cellId = notebook.cells.at(-1)?.id ?? '';
  return describePlace(notebook, { cellId, prefix, suffix }, TERMS);
}

describe('describePlace', () => {
  it('has the code cells above in their order, and the cell around the cursor', () => {
    const notebook = notebookOf(
      ['code', 'import pandas as pd'],
      ['markdown', '# Sales'],
      ['code', ' \n'],
      ['raw', 'raw'],
      ['code', 'sales = pd.DataFrame()'],
      ['code', 'sales.\nx'],
      ['code', 'below = 1']
    );
    const cellId = notebook.cells[5]?.id ?? '';

    expect(describePlace(notebook, { cellId, prefix: 'sales.', suffix: '\nx' }, TERMS)).toEqual({
      above: ['import pandas as pd', 'sales = pd.DataFrame()'],
      prefix: 'sales.',
      suffix: '\nx',
      ...TERMS
    });
  });

  it('has whole cells only, the nearest ones', () => {
    const notebook = notebookOf(
      ['code', 'first = 1'],
      ['code', 'y'.repeat(20000)],
      ['code', 'x'.repeat(10000)],
      ['code', 'near = 1'],
      ['code', '']
    );

    expect(describeLast(notebook).above).toEqual(['x'.repeat(10000), 'near = 1']);
  });

  it('keeps what is near the cursor of a cell that is too long, as whole characters', () => {
    const long = `${'a'.repeat(9)}😀${'b'.repeat(49999)}`;
    const { prefix, suffix } = describeLast(
      notebookOf(['code', '']),
      long,
      `${'c'.repeat(49999)}😀`
    );

    expect(prefix).toBe('b'.repeat(49999));
    expect(suffix).toBe('c'.repeat(49999));
  });

  it('has nothing above a cell that is gone', () => {
    const notebook = notebookOf(['code', 'x = 1']);
    expect(
      describePlace(notebook, { cellId: 'gone', prefix: '', suffix: '' }, TERMS).above
    ).toEqual([]);
  });
});
