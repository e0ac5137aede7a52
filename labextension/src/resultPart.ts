/** A part of a result, put to use in the notebook that shows it. */

import type { ISharedCell } from '@jupyter/ydoc';
import { Clipboard } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IResultPart } from './actions';
import { proseOf } from './answerProse';
import type { NotebookBridge } from './bridge';
import { cellAt, goToCell, ICellLocation, locateCell } from './cellLocation';
import { isRequest } from './magicCells';
import {
  findCell,
  findInserted,
  INewCell,
  insertBelow,
  isReplaceable,
  isUnchanged,
  keepsMarks,
  replaceCell,
  rewrittenSource,
  withPrompt
} from './notebook';
import type { IFurther } from './furtherAnswers';
import type { IBridges } from './openNotebooks';
import type { ResultData, ResultRewrite } from './protocol';
import { IAnswered, rememberCode, withCode } from './requestPlace';
import type { ISettings } from './settings';

/** One block of an answer, all of them, or the answer as such. */
export class ResultPart implements IResultPart {
  constructor(options: ResultPart.IOptions) {
    this._options = options;
  }

  get kind(): IResultPart['kind'] {
    return this._options.kind;
  }

  get name(): string {
    const { data, kind, numbers, trans } = this._options;
    const count = data.blocks.length;
    if (kind === 'block') {
      return count > 1
        ? trans.__('code block %1 of %2', (numbers[0] ?? 0) + 1, count)
        : trans.__('code block');
    }
    return kind === 'answer' ? trans.__('answer') : trans.__('all code blocks');
  }

  get trans(): TranslationBundle {
    return this._options.trans;
  }

  get data(): ResultData {
    return this._options.data;
  }

  get obstacle(): string | null {
    const { trans } = this._options;
    const location = this._location();
    if (!location) {
      return trans.__('Open the notebook of this answer to use its code');
    }
    return location.panel.context.model.readOnly ? trans.__('This notebook is read-only') : null;
  }

  get isReplacement(): boolean {
    const { data, settings } = this._options;
    const isAsked = settings.insertAction === 'replace' || data.insert === 'replace';
    return data.rewrite ? this.isReplaceable : isAsked;
  }

  get isReplaceable(): boolean {
    const { blocks, rewrite } = this._options.data;
    if (!rewrite) {
      // In the place of the request, the other answers would be gone.
      return !this._options.isOneOfMany;
    }
    const source = blocks[0]?.source;
    const isNew = source !== undefined && !this.repeatsCell;
    // Nothing hidden may be lost.
    return rewrite.is_offered && isNew && keepsMarks(source, rewrite);
  }

  get repeatsCell(): boolean {
    const { blocks, rewrite } = this._options.data;
    if (!rewrite) {
      return false;
    }
    const isSame = blocks[0]?.source.trimEnd() === rewrite.before.trimEnd();
    return isSame || rewrite.only_repeats === true;
  }

  get replaceObstacle(): string | null {
    const { data, trans } = this._options;
    const location = this._location();
    if (!location) {
      return null;
    }
    const target = this._target(location);
    const [cell] = this._cells(location);
    if (target && cell && !isReplaceable(target, cell.cell_type)) {
      return trans.__('The cell to be replaced is locked');
    }
    if (!data.rewrite) {
      // It is said elsewhere that the cell is gone.
      return target && this._newSource(location) === null
        ? trans.__('This cell holds more than the request: insert the code below it')
        : null;
    }
    if (!target) {
      return trans.__('The cell to be replaced is no longer in this notebook');
    }
    return this._changeSince(target.getSource(), data.rewrite, location);
  }

  get hasProse(): boolean {
    return proseOf(this._options.data) !== '';
  }

  get canAskMore(): boolean {
    return this._bridge?.isLive === true;
  }

  get askObstacle(): string | null {
    const { data, trans } = this._options;
    return this._bridge?.knows(data.answer_id ?? '') === true
      ? null
      : trans.__('This kernel no longer knows this answer: run its cell again');
  }

  find(): string | null {
    const location = this._location();
    const [first] = location ? this._cells(location) : [];
    return location && first ? findInserted(location.panel.context.model.sharedModel, first) : null;
  }

  insert(): string | null {
    const location = this._location();
    if (!location) {
      return null;
    }
    const notebook = location.panel.context.model.sharedModel;
    const [id = null] = insertBelow(notebook, location.cellId, this._cells(location));
    return this._show(location, id);
  }

  replace(): string | null {
    return this._replace(this._location());
  }

  replaceAndRun(): string | null {
    // The answer may be gone afterwards, with the request.
    const location = this._location();
    const cellId = this._replace(location);
    const cell = location && cellId !== null ? cellAt({ ...location, cellId }) : undefined;
    if (location && cell) {
      const { content, sessionContext } = location.panel;
      this._options.bridges.runByHand([cell]);
      void NotebookActions.runCells(content, [cell], sessionContext);
    }
    return cellId;
  }

  sourceOf(cellId: string): string | null {
    const notebook = this._location()?.panel.context.model.sharedModel;
    return (notebook && findCell(notebook, cellId))?.getSource() ?? null;
  }

  goTo(cellId: string): boolean {
    const location = this._location();
    if (!location || !findCell(location.panel.context.model.sharedModel, cellId)) {
      return false;
    }
    void goToCell(location.panel, cellId);
    return true;
  }

  copy(): void {
    const { data, numbers } = this._options;
    Clipboard.copyToSystem(numbers.map(number => data.blocks[number]?.code ?? '').join('\n\n'));
  }

  openField(): void {
    this._options.further.openField();
  }

  tryAgain(): Promise<string> {
    return this._options.further.tryAgain();
  }

  goOn(): Promise<string> {
    return this._options.further.goOn();
  }

  /** Why an answer does not fit the cell that it rewrites, or null if it does. */
  private _changeSince(
    present: string,
    rewrite: ResultRewrite,
    location: ICellLocation
  ): string | null {
    const { trans } = this._options;
    if (isUnchanged(present, rewrite)) {
      return null;
    }
    const { source = '' } = this._cells(location)[0] ?? {};
    return isUnchanged(present, { ...rewrite, before: source })
      ? trans.__('Already replaced')
      : trans.__('That cell has been changed since: ask again');
  }

  private _replace(location: ICellLocation | null): string | null {
    const [cell] = location ? this._cells(location) : [];
    const source = location && this._newSource(location);
    if (!location || !cell || source === null) {
      return null;
    }
    const notebook = location.panel.context.model.sharedModel;
    const answered = this._answered(location);
    const removed = this._isRequestToGo(location) ? location.cellId : null;
    const id = replaceCell(notebook, this._targetId(location), { ...cell, source }, removed);
    const replaced = findCell(notebook, id);
    if (replaced && answered) {
      rememberCode(replaced, answered);
    }
    return this._show(location, id);
  }

  /** Return what the cell that the block replaces becomes; null if it cannot be replaced. */
  private _newSource(location: ICellLocation): string | null {
    const { rewrite } = this._options.data;
    const target = this._target(location);
    const [cell] = this._cells(location);
    return rewrite && target && cell
      ? rewrittenSource(target.getSource(), rewrite, cell.source)
      : (this._answered(location)?.source ?? null);
  }

  /** Return what the cell that asked becomes; null if it cannot take the block. */
  private _answered(location: ICellLocation): IAnswered | null {
    const { data } = this._options;
    const target = this._target(location);
    const [cell] = this._cells(location);
    if (data.rewrite || !target || !cell) {
      return null;
    }
    const fillsCell = cell.cell_type === 'markdown' || cell.source.startsWith('%%');
    return withCode(target, { request: data.prompt, code: this._withPrompt(cell), fillsCell });
  }

  /** Whether the cell that asked goes with the old source: it asks, and does nothing else. */
  private _isRequestToGo({ panel, cellId }: ICellLocation): boolean {
    const { data, settings } = this._options;
    const source = findCell(panel.context.model.sharedModel, cellId)?.getSource() ?? '';
    return settings.removeRequest && Boolean(data.rewrite) && isRequest(source);
  }

  private _withPrompt(cell: INewCell): string {
    const { data, numbers, settings } = this._options;
    const block = data.blocks[numbers[0] ?? 0];
    return block && settings.keepPrompt ? withPrompt(block, data.prompt) : cell.source;
  }

  /** The cell that the answer rewrites, or else the one that asked. */
  private _target(location: ICellLocation): ISharedCell | undefined {
    return findCell(location.panel.context.model.sharedModel, this._targetId(location));
  }

  private _targetId({ cellId }: ICellLocation): string | null {
    const { replaces_cell_id: replaced, rewrite } = this._options.data;
    return rewrite ? replaced : (replaced ?? cellId);
  }

  private _show(location: ICellLocation, cellId: string | null): string | null {
    if (cellId !== null) {
      void goToCell(location.panel, cellId);
    }
    return cellId;
  }

  private get _bridge(): NotebookBridge | null {
    return this._options.bridges.of(this._location()?.panel ?? null);
  }

  private _location(): ICellLocation | null {
    const { tracker, node, data } = this._options;
    return locateCell(tracker, node, data.cell_id);
  }

  private _cells(location: ICellLocation): INewCell[] {
    const { data, kind, numbers } = this._options;
    if (kind === 'answer') {
      const origin = this._origin(location, null);
      return [{ cell_type: 'markdown', source: proseOf(data), origin }];
    }
    return numbers.flatMap(number => {
      const block = data.blocks[number];
      const origin = this._origin(location, number);
      return block ? [{ cell_type: block.cell_type, source: block.source, origin }] : [];
    });
  }

  private _origin({ cellId }: ICellLocation, block: number | null): INewCell['origin'] {
    const { record } = this._options.data;
    return {
      cell_id: cellId,
      prompt_sha256: text(record.prompt_sha256),
      block,
      model: text(record.model),
      engine: text(record.engine)
    };
  }

  private readonly _options: ResultPart.IOptions;
}

export namespace ResultPart {
  /** What is shown, and where. */
  export interface IOptions {
    kind: IResultPart['kind'];
    bridges: IBridges;
    /** What can be asked under the answer. */
    further: IFurther;
    tracker: INotebookTracker;
    settings: ISettings;
    trans: TranslationBundle;
    /** A node of the answer. */
    node: Node;
    data: ResultData;
    /** The positions of the part's blocks in the answer. */
    numbers: number[];
    /** Whether there are other answers in the same output. */
    isOneOfMany?: boolean;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
