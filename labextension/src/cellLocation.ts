/** Where things are on the page: the notebook and the cell around a node, the way to a cell. */

import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import type { IRun } from './carriedAnswers';

/** A cell in one view of its notebook. */
export interface ICellLocation {
  panel: NotebookPanel;
  cellId: string;
}

/**
 * Find the cell that an output belongs to.
 *
 * @param node - A node of the output.
 * @param cellId - The cell to look for if the output is shown outside of its notebook.
 */
export function locateCell(
  tracker: INotebookTracker,
  node: Node,
  cellId: string | null
): ICellLocation | null {
  let location: ICellLocation | null = null;
  tracker.forEach(panel => {
    const around = panel.node.contains(node)
      ? panel.content.widgets.find(cell => cell.node.contains(node))
      : undefined;
    if (around) {
      location = { panel, cellId: around.model.id };
    }
  });
  if (location || cellId === null) {
    return location;
  }
  const holder = tracker.find(panel => cellAt({ panel, cellId }) !== undefined);
  return holder ? { panel: holder, cellId } : null;
}

/** Return the widget of a cell, or undefined if the cell is gone. */
export function cellAt({ panel, cellId }: ICellLocation): Cell | undefined {
  return panel.content.widgets.find(cell => cell.model.id === cellId);
}

/**
 * Whether what the kernel still sends about a cell's last run reaches its output.
 *
 * It does until the cell runs again, the kernel restarts, or the page is reloaded.
 */
export function receivesOutput(tracker: INotebookTracker, location: ICellLocation): boolean {
  const holder = tracker.find(panel => {
    const isSame = panel.context === location.panel.context;
    const area = areaOf({ panel, cellId: location.cellId });
    return isSame && area?.future?.isDisposed === false;
  });
  return holder !== undefined;
}

/** Return a cell's output area, or undefined if the cell is gone or has none. */
export function areaOf(location: ICellLocation): IOutputArea | undefined {
  return (cellAt(location) as { outputArea?: IOutputArea } | undefined)?.outputArea;
}

/** An output area, as far as it matters whether its cell's run can still be heard of. */
interface IOutputArea {
  node: Node;
  future?: (IRun & { done: Promise<unknown> }) | null;
}

/** Select a cell and bring it into view, unless something else is to be seen by now. */
export async function goToCell(panel: NotebookPanel, cellId: string): Promise<void> {
  const notebook = panel.content;
  const position = notebook.widgets.findIndex(cell => cell.model.id === cellId);
  if (position < 0) {
    return;
  }
  notebook.deselectAll();
  notebook.activeCellIndex = position;
  notebook.mode = 'command';
  // A new cell is on the page, and takes the focus, only a moment later; one that is out of
  // sight, only when it is scrolled to.
  void NotebookActions.focusActiveCell(notebook, { waitUntilReady: true, preventScroll: true });
  // It fails when the notebook scrolls to another cell meanwhile; what comes next is to come.
  await notebook.scrollToItem(position, 'smart').catch(() => undefined);
}
