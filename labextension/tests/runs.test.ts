/** Which runs are by hand, and what a request shows that was not asked. */

import { describe, expect, it } from 'vitest';

import { KeptOutputs } from '../src/keptOutputs';
import { Runs } from '../src/runs';

type Cell = { model: { id: string } };

const [A, B, C] = ['a', 'b', 'c'].map(id => ({ model: { id } })) as [Cell, Cell, Cell];

function selected(...cells: Cell[]) {
  return { isSelectedOrActive: (cell: Cell) => cells.includes(cell) };
}

describe('a run', () => {
  const runs = new Runs<Cell>();

  it('of the selected cells is by hand', () => {
    [A, B].forEach(cell => runs.scheduled(selected(A, B), cell));
    expect([A, B].map(({ model }) => runs.isRunAll(model.id))).toEqual([false, false]);
  });

  it('with others is not, also of the cell that is selected', () => {
    [A, B, C].forEach(cell => runs.scheduled(selected(B), cell));
    expect([A, B, C].map(({ model }) => runs.isRunAll(model.id))).toEqual([true, true, true]);
  });

  it('afterwards is by hand again', async () => {
    await Promise.resolve();
    runs.scheduled(selected(B), B);
    expect(runs.isRunAll('b')).toBe(false);
    expect(runs.isRunAll('c')).toBe(true);
  });

  it('that a command makes is by hand', () => {
    runs.byHand(['a', 'b']);
    [A, B].forEach(cell => runs.scheduled(selected(B), cell));
    expect([A, B].map(({ model }) => runs.isRunAll(model.id))).toEqual([false, false]);
  });
});

describe('the outputs of a request', () => {
  type Output = { output_type: string; metadata?: unknown };
  const OLD = { output_type: 'display_data' };
  const NOT_ASKED = { ...OLD, metadata: { codeface: { is_not_asked: true } } };

  function shownAfter(before: Output[], after: Output[]): Output[] {
    let shown = before;
    const outputs = { toJSON: () => shown, fromJSON: (values: Output[]) => (shown = values) };
    const cell = { model: { id: 'a', outputs } };
    const kept = new KeptOutputs();
    kept.keep(cell);
    shown = after;
    kept.putBack(cell);
    return shown;
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
});
