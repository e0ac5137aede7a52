/** What is told of a question that is typed for a cell that is not there yet. */

import { describe, expect, it } from 'vitest';

import type { Cell } from '../src/protocol';
import { withQuestion } from '../src/readAhead';

function cell(id: string, source: string): Cell {
  return { id, type: 'code', source, execution_count: null, is_cut: false };
}

describe('a question for a new cell', () => {
  const cells = [cell('a', 'x = 1'), cell('b', 'x + 1'), cell('c', 'x + 2')];
  const notebook = { path: 'a.ipynb', asking: 'b', cells, answers: 'hints' as const };

  it('stands below the active one, and asks', () => {
    const found = withQuestion(notebook, ' sum them ');

    expect(found.cells.map(({ source }) => source)).toEqual([
      'x = 1',
      'x + 1',
      '%%codeface\nsum them',
      'x + 2'
    ]);
    expect(found.cells.filter(({ id }) => id === found.asking)).toEqual([found.cells[2]]);
    expect(found.answers).toBe('hints');
  });

  it('leaves the notebook as it is', () => {
    withQuestion(notebook, 'sum them');

    expect(notebook.cells).toBe(cells);
    expect(cells).toHaveLength(3);
  });
});
