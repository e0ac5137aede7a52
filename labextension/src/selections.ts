/** Which cells were selected before something began: JupyterLab deselects those that it runs. */

import type { Cell } from '@jupyterlab/cells';
import type { Notebook } from '@jupyterlab/notebook';

/** The parts of a notebook's view that tell what is selected. */
export type SelectableNotebook = Pick<
  Notebook,
  'activeCellChanged' | 'isDisposed' | 'isSelectedOrActive' | 'selectionChanged' | 'widgets'
>;

/** The cells that are selected in each view of a notebook, and those that just were. */
export class Selections {
  /** Take note of what is selected in a view from now on. */
  follow(notebook: SelectableNotebook): void {
    const take = () => {
      const selected = notebook.widgets.filter(cell => notebook.isSelectedOrActive(cell));
      this._before.set(notebook, new Set(selected));
    };
    // What deselects cells goes on to run them before this comes.
    const takeLater = () => void Promise.resolve().then(() => notebook.isDisposed || take());
    notebook.selectionChanged.connect(takeLater);
    notebook.activeCellChanged.connect(takeLater);
    take();
  }

  /** Whether a cell is selected, or was before what goes on now. */
  has(notebook: SelectableNotebook, cell: Cell): boolean {
    return notebook.isSelectedOrActive(cell) || this._before.get(notebook)?.has(cell) === true;
  }

  private readonly _before = new WeakMap<SelectableNotebook, Set<Cell>>();
}
