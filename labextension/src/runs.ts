/** Tells cells that are run by hand from those that run because the whole notebook does. */

/** A notebook, as far as it is known which of its cells are selected. */
export interface ISelection<C> {
  isSelectedOrActive(cell: C): boolean;
}

/** How each cell was run last. */
export class Runs<C extends { model: { id: string } }> {
  /**
   * Take note that a cell is to run.
   *
   * Whoever runs cells by hand has selected them; Run All and its kin run others as well, all
   * in one go.
   */
  scheduled(selection: ISelection<C>, cell: C): void {
    if (this._byHand.delete(cell.model.id)) {
      this._runAll.delete(cell.model.id);
      return;
    }
    this._hasOthers ||= !selection.isSelectedOrActive(cell);
    if (this._hasOthers) {
      this._runAll.add(cell.model.id);
      void Promise.resolve().then(() => (this._hasOthers = false));
    } else {
      this._runAll.delete(cell.model.id);
    }
  }

  /** Take the next run of cells for one by hand, whatever is selected. */
  byHand(cellIds: string[]): void {
    cellIds.forEach(id => this._byHand.add(id));
  }

  /** Whether a cell was run last with others that nobody had selected. */
  isRunAll(cellId: string): boolean {
    return this._runAll.has(cellId);
  }

  private readonly _byHand = new Set<string>();
  private readonly _runAll = new Set<string>();
  private _hasOthers = false;
}
