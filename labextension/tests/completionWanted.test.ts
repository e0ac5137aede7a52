/** What the kernel is told of a place. */

import { YNotebook } from '@jupyter/ydoc';
import { describe, expect, it } from 'vitest';

import { consoleSources, describePlace, notebookSources } from '../src/completionWanted';

const TERMS = { max_lines: 8, is_asked_for: false, while_busy: false, on_battery: false };

function notebookOf(...cells: [string, string][]): YNotebook {
  const notebook = YNotebook.create() as YNotebook;
  notebook.insertCells(
    0,
    cells.map(([cell_type, source]) => ({ cell_type, source }) as never)
  );
  return notebook;
}

function describeCell(notebook: YNotebook, cellId: string, prefix = '', suffix = '') {
  return describePlace(notebookSources(notebook, cellId), { cellId, prefix, suffix }, TERMS);
}

function describeLast(notebook: YNotebook, prefix = '', suffix = '') {
  const cellId = notebook.cells.at(-1)?.id ?? '';
  return describeCell(notebook, cellId, prefix, suffix);
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

    expect(describeCell(notebook, cellId, 'sales.', '\nx')).toEqual({
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
    expect(describeCell(notebook, 'gone').above).toEqual([]);
  });

  it('has what was run in a console above its prompt, without its banner', () => {
    const { cells } = notebookOf(['raw', 'Python 3.13'], ['code', 'x = 1'], ['code', 'y = 2']);
    const console = {
      length: cells.length,
      get: (index: number) => ({
        model: { type: cells[index]?.cell_type, sharedModel: cells[index] }
      })
    };
    const sources = consoleSources(console as unknown as Parameters<typeof consoleSources>[0]);

    expect([...sources]).toEqual(['y = 2', 'x = 1']);
  });
});
