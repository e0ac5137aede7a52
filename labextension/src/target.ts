/** The blocks of one answer, put to use in the notebook that holds it. */

import { Clipboard } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';

import type { IBlockTarget } from './actions';
import { findInserted, indexOf, INewCell, insertBelow, replaceCell, withPrompt } from './notebook';
import { findPlace, goToCell, IPlace } from './places';
import type { ResultData } from './protocol';
import type { ISettings } from './settings';

/** One or several blocks of an answer. */
export class BlockTarget implements IBlockTarget {
  constructor(options: BlockTarget.IOptions) {
    this._options = options;
  }

  get obstacle(): string | null {
    const place = this._place();
    if (!place) {
      return 'Open the notebook of this answer to use its code';
    }
    return place.panel.context.model.readOnly ? 'This notebook is read-only' : null;
  }

  find(): string | null {
    const place = this._place();
    const [first] = place ? this._cells(place) : [];
    return place && first ? findInserted(place.panel.context.model.sharedModel, first) : null;
  }

  insert(): string | null {
    const place = this._place();
    if (!place) {
      return null;
    }
    const notebook = place.panel.context.model.sharedModel;
    const [id = null] = insertBelow(notebook, place.cellId, this._cells(place));
    return this._show(place, id);
  }

  replace(): string | null {
    const place = this._place();
    const [cell] = place ? this._cells(place) : [];
    if (!place || !cell) {
      return null;
    }
    const { data, numbers, settings } = this._options;
    const block = data.blocks[numbers[0] ?? 0];
    const source = block && settings.keepPrompt ? withPrompt(block, data.prompt) : cell.source;
    const notebook = place.panel.context.model.sharedModel;
    const cellId = data.replaces_cell_id ?? place.cellId;
    return this._show(place, replaceCell(notebook, cellId, { ...cell, source }));
  }

  goTo(cellId: string): boolean {
    const place = this._place();
    if (!place || indexOf(place.panel.context.model.sharedModel, cellId) < 0) {
      return false;
    }
    void goToCell(place.panel, cellId);
    return true;
  }

  copy(): void {
    const { data, numbers } = this._options;
    Clipboard.copyToSystem(numbers.map(number => data.blocks[number]?.code ?? '').join('\n\n'));
  }

  private _show(place: IPlace, cellId: string | null): string | null {
    if (cellId !== null) {
      void goToCell(place.panel, cellId);
    }
    return cellId;
  }

  private _place(): IPlace | null {
    const { tracker, node, data } = this._options;
    return findPlace(tracker, node, data.cell_id);
  }

  private _cells(place: IPlace): INewCell[] {
    const { data, numbers } = this._options;
    const { record } = data;
    return numbers.flatMap(number => {
      const block = data.blocks[number];
      const origin = {
        cell_id: place.cellId,
        prompt_sha256: text(record.prompt_sha256),
        block: number,
        model: text(record.model),
        engine: text(record.engine)
      };
      return block ? [{ cell_type: block.cell_type, source: block.source, origin }] : [];
    });
  }

  private readonly _options: BlockTarget.IOptions;
}

export namespace BlockTarget {
  /** Which blocks, of which answer, shown where. */
  export interface IOptions {
    tracker: INotebookTracker;
    settings: ISettings;
    /** A node of the answer. */
    node: Node;
    data: ResultData;
    /** The blocks' positions in the answer. */
    numbers: number[];
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
