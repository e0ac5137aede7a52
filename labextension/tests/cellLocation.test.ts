/** The way to a cell. */

import { NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { beforeEach, expect, it, vi } from 'vitest';

import { goToCell } from '../src/cellLocation';

vi.mock('@jupyterlab/notebook', () => ({ NotebookActions: { focusActiveCell: vi.fn() } }));

const focusActiveCell = vi.mocked(NotebookActions.focusActiveCell);
const scrollToItem = vi.fn();
let content: Record<string, unknown>;

function go(cellId: string): Promise<void> {
  return goToCell({ content } as unknown as NotebookPanel, cellId);
}

beforeEach(() => {
  vi.resetAllMocks();
  scrollToItem.mockResolvedValue(undefined);
  const widgets = ['a', 'b'].map(id => ({ model: { id } }));
  content = { widgets, mode: 'edit', deselectAll: vi.fn(), scrollToItem };
});

it('selects a cell, and gives it the focus once it is on the page', async () => {
  await go('b');
  expect(content).toMatchObject({ activeCellIndex: 1, mode: 'command' });
  const [, options] = focusActiveCell.mock.calls[0] ?? [];
  expect(options).toMatchObject({ waitUntilReady: true, preventScroll: true });
});

it('scrolls to a cell that is on the page only when it is scrolled to', async () => {
  focusActiveCell.mockReturnValue(new Promise(() => undefined));
  await go('b');
  expect(scrollToItem).toHaveBeenCalledWith(1, 'smart');
});

it('goes nowhere if the cell is gone', async () => {
  await go('gone');
  expect(focusActiveCell).not.toHaveBeenCalled();
});
