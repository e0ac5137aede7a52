/** Where things are on the page: the notebook and the cell around a node, the way to a cell. */

import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

/** A cell in one view of its notebook. */
export interface IPlace {
  panel: NotebookPanel;
  cellId: string;
}

/**
 * Find the cell that an output belongs to.
 *
 * @param node - A node of the output.
 * @param cellId - The cell to look for if the output is shown outside of its notebook.
 */
export function findPlace(
  tracker: INotebookTracker,
  node: Node,
  cellId: string | null
): IPlace | null {
  let place: IPlace | null = null;
  tracker.forEach(panel => {
    const around = panel.node.contains(node)
      ? panel.content.widgets.find(cell => cell.node.contains(node))
      : undefined;
    if (around) {
      place = { panel, cellId: around.model.id };
    }
  });
  if (place || cellId === null) {
    return place;
  }
  const holder = tracker.find(panel =>
    panel.content.widgets.some(cell => cell.model.id === cellId)
  );
  return holder ? { panel: holder, cellId } : null;
}

/**
 * Whether what the kernel still says about a cell's last run reaches its output.
 *
 * It does until the cell runs again, the kernel restarts, or the page is loaded anew.
 */
export function receivesOutput(tracker: INotebookTracker, place: IPlace): boolean {
  const holder = tracker.find(
    panel =>
      panel.context === place.panel.context &&
      panel.content.widgets.some(
        cell =>
          cell.model.id === place.cellId && (cell as IRun).outputArea?.future?.isDisposed === false
      )
  );
  return holder !== undefined;
}

/** A code cell, as far as it matters whether its run can still be heard of. */
interface IRun {
  outputArea?: { future?: { isDisposed: boolean } | null };
}

/** Select a cell and bring it into view. */
export async function goToCell(panel: NotebookPanel, cellId: string): Promise<void> {
  const notebook = panel.content;
  const position = notebook.widgets.findIndex(cell => cell.model.id === cellId);
  if (position < 0) {
    return;
  }
  notebook.deselectAll();
  notebook.activeCellIndex = position;
  notebook.mode = 'command';
  await NotebookActions.focusActiveCell(notebook, { preventScroll: true });
  await notebook.scrollToItem(position, 'smart');
}
