/** Tells cells that are run by hand from those that run because the whole notebook does. */

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
   * in one go, so that an earlier cell of the same go is known for one of them only now.
   */
  scheduled(cell: C, isSelected: boolean): void {
    const { sharedModel } = cell.model;
    if (this._byHand.delete(sharedModel)) {
      this._runAll.delete(sharedModel);
      return;
    }
    if (this._together.length === 0) {
      void Promise.resolve().then(() => this._endGo());
    }
    this._together.push(sharedModel);
    this._runAll.delete(sharedModel);
    this._hasOthers ||= !isSelected;
    if (this._hasOthers) {
      this._together.forEach(each => this._runAll.add(each));
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

  private _endGo(): void {
    this._together = [];
    this._hasOthers = false;
  }

  // Weak: cells of notebooks that are closed are forgotten by themselves.
  private readonly _byHand = new WeakSet<object>();
  private readonly _runAll = new WeakSet<object>();
  /** The cells that are scheduled in one go, and whether one of them is not selected. */
  private _together: object[] = [];
  private _hasOthers = false;
}
