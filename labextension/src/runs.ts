/** Tells cells that are run by hand from those that run because the whole notebook does. */

/** A notebook, as far as it is known which of its cells are selected. */
export interface ISelection<C> {
  isSelectedOrActive(cell: C): boolean;
}

/** A cell by its shared model, which all views of a notebook share. */
export interface IRunCell {
  model: { sharedModel: object };
}

/** How each cell was run last; ids would mix up a notebook and its copy. */
export class Runs<C extends IRunCell> {
  /**
   * Take note that a cell is to run.
   *
   * Whoever runs cells by hand has selected them; Run All and its kin run others as well, all
   * in one go.
   */
  scheduled(selection: ISelection<C>, cell: C): void {
    const { sharedModel } = cell.model;
    if (this._byHand.delete(sharedModel)) {
      this._runAll.delete(sharedModel);
      return;
    }
    this._hasOthers ||= !selection.isSelectedOrActive(cell);
    if (this._hasOthers) {
      this._runAll.add(sharedModel);
      void Promise.resolve().then(() => (this._hasOthers = false));
    } else {
      this._runAll.delete(sharedModel);
    }
  }

  /** Take the next run of cells for one by hand, whatever is selected. */
  byHand(cells: C[]): void {
    cells.forEach(cell => this._byHand.add(cell.model.sharedModel));
  }

  /** Whether a cell was run last with others that nobody had selected. */
  isRunAll(sharedModel: object): boolean {
    return this._runAll.has(sharedModel);
  }

  // Weak: cells of notebooks that are closed are forgotten by themselves.
  private readonly _byHand = new WeakSet<object>();
  private readonly _runAll = new WeakSet<object>();
  private _hasOthers = false;
}
