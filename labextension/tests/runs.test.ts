/** Which runs are by hand, and what a request shows that was not asked. */

import { Signal } from '@lumino/signaling';
import { describe, expect, it, vi } from 'vitest';

import { KeptOutputs } from '../src/keptOutputs';
import { Runs } from '../src/runs';
import { SelectableNotebook, Selections } from '../src/selections';

type Cell = { model: { sharedModel: object } };

// A notebook and its copy have the same ids, so that cells are told by what they are.
const [A, B, C] = [1, 2, 3].map(() => ({ model: { sharedModel: {} } })) as [Cell, Cell, Cell];

describe('a run', () => {
  const runs = new Runs<Cell>();

  it('of the selected cells is by hand', () => {
    [A, B].forEach(cell => runs.scheduled(cell, true));
    expect([A, B].map(({ model }) => runs.isRunAll(model.sharedModel))).toEqual([false, false]);
  });

  it('with others is not, also of the cell that is selected', async () => {
    await Promise.resolve();
    [A, B, C].forEach(cell => runs.scheduled(cell, cell === B));
    expect([A, B, C].map(({ model }) => runs.isRunAll(model.sharedModel))).toEqual([
      true,
      true,
      true
    ]);
  });

  it('is told of a selected cell that comes first, once the others come', async () => {
    await Promise.resolve();
    runs.scheduled(A, true);
    expect(runs.isRunAll(A.model.sharedModel)).toBe(false);
    runs.scheduled(B, false);
    expect([A, B].map(({ model }) => runs.isRunAll(model.sharedModel))).toEqual([true, true]);
  });

  it('afterwards is by hand again', async () => {
    await Promise.resolve();
    runs.scheduled(B, true);
    expect(runs.isRunAll(B.model.sharedModel)).toBe(false);
    expect(runs.isRunAll(C.model.sharedModel)).toBe(true);
  });

  it('that a command makes is by hand', () => {
    runs.byHand([A, B]);
    [A, B].forEach(cell => runs.scheduled(cell, cell === B));
    expect([A, B].map(({ model }) => runs.isRunAll(model.sharedModel))).toEqual([false, false]);
  });
});

describe('the selection', () => {
  function notebookOf(selected: Cell[]) {
    const [active, selection] = [new Signal<object, Cell>({}), new Signal<object, void>({})];
    const notebook = {
      ...{ widgets: [A, B, C], isDisposed: false },
      ...{ activeCellChanged: active, selectionChanged: selection },
      isSelectedOrActive: (cell: Cell) => selected.includes(cell)
    };
    const select = (...cells: Cell[]) => {
      selected = cells;
      selection.emit();
    };
    return { notebook: notebook as unknown as SelectableNotebook, select };
  }

  it('is what it was before whatever deselects cells and runs them', async () => {
    const selections = new Selections();
    const { notebook, select } = notebookOf([A, B]);
    selections.follow(notebook);
    const has = (cell: Cell) => selections.has(notebook, cell as never);

    select(B);
    expect([A, B, C].map(has)).toEqual([true, true, false]);
    await Promise.resolve();
    expect([A, B, C].map(has)).toEqual([false, true, false]);
  });
});

describe('the outputs of a request', () => {
  type Output = { output_type: string; metadata?: unknown };
  const OLD = { output_type: 'display_data' };
  const NOT_ASKED = { ...OLD, metadata: { codeface: { is_not_asked: true } } };

  function cell(before: Output[], source = '%%codeface\nplot it') {
    let shown = before;
    const outputs = {
      toJSON: vi.fn(() => shown),
      fromJSON: (values: Output[]) => (shown = values)
    };
    return { model: { sharedModel: { getSource: () => source }, outputs } };
  }

  function shownAfter(before: Output[], after: Output[]): Output[] {
    const asking = cell(before);
    const kept = new KeptOutputs();
    kept.keep(asking);
    asking.model.outputs.fromJSON(after);
    kept.putBack(asking);
    return asking.model.outputs.toJSON();
  }

  it('come back when it was not asked', () => {
    expect(shownAfter([OLD], [NOT_ASKED])).toEqual([OLD]);
  });

  it.each([
    ['it was asked', [OLD], [{ output_type: 'stream' }]],
    ['there were none', [], [NOT_ASKED]]
  ])('are what the kernel sends when %s', (_, before, after) => {
    expect(shownAfter(before, after)).toEqual(after);
  });

  it('do not come back in the same cell of a copied notebook', () => {
    const [original, copy] = [cell([OLD]), cell([NOT_ASKED])];
    const kept = new KeptOutputs();
    kept.keep(original);
    kept.putBack(copy);
    expect(copy.model.outputs.toJSON()).toEqual([NOT_ASKED]);
  });

  it('are the only ones that are read when a notebook runs', () => {
    const other = cell([OLD], 'plot(data)');
    new KeptOutputs().keep(other);
    expect(other.model.outputs.toJSON).not.toHaveBeenCalled();
  });
});
