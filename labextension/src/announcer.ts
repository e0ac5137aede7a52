/** What screen readers say of an answer: that it begins, how it ends. */

import type { ICellModel } from '@jupyterlab/cells';
import { NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { isRequest } from './magicCells';
import type { IBridges } from './openNotebooks';
import { BATCH_MIME, isBatchData, isResultData, RESULT_MIME, Status } from './protocol';

/** A live region for the notebook in front. */
export class Announcer {
  constructor({ bridges, trans }: { bridges: IBridges; trans: TranslationBundle }) {
    this._bridges = bridges;
    this._trans = trans;
    this.node.className = 'jp-CodeFace-announcer';
    this.node.setAttribute('role', 'status');
    bridges.currentChanged.connect(this._follow, this);
    NotebookActions.executionScheduled.connect((_, { cell: { model } }) => {
      if (isRequest(model.sharedModel.getSource())) {
        this._hasBegun = this._hasBegun && this._running.size > 0;
        this._running.add(model);
      }
    });
    NotebookActions.executed.connect((_, { cell: { model }, success, error }) => {
      if (this._running.delete(model)) {
        this._say(
          success
            ? this._ending(finishReasonOf(model as IAnswered) || this._endWithoutAnswer())
            : trans.__('CodeFace failed: %1', error?.message ?? '')
        );
        this._hasBegun = false;
      }
    });
  }

  readonly node = document.createElement('div');

  /** Tell what the session of the notebook in front has begun; a cell's end tells the rest. */
  private _follow(): void {
    const bridge = this._bridges.current;
    const state = bridge?.status?.state ?? 'idle';
    const isSame = bridge === this._bridge;
    const isNew = state !== this._state;
    this._bridge = bridge;
    this._state = state;
    this._hasBegun = isSame && (this._hasBegun || (state !== 'idle' && this._running.size > 0));
    if (isSame && isNew) {
      this._say(this._beginning(state) || (this._isCellAsking() ? '' : this._ending('stop')));
    }
  }

  private _beginning(state: Status['state']): string {
    const trans = this._trans;
    switch (state) {
      case 'loading':
        return trans.__('CodeFace is loading the model');
      case 'generating':
        return trans.__('CodeFace is answering');
      default:
        return '';
    }
  }

  /** Why a cell ended that holds no answer: one that had begun was stopped before its first word. */
  private _endWithoutAnswer(): string {
    return this._hasBegun && this._state === 'idle' ? 'cancelled' : '';
  }

  private _ending(finishReason: string): string {
    const trans = this._trans;
    switch (finishReason) {
      case 'stop':
        return trans.__('The answer is finished');
      case 'length':
        return trans.__('The answer was cut off');
      case 'cancelled':
        return trans.__('The answer was stopped');
      case 'error':
        return trans.__('The answer ended in an error');
      default:
        return '';
    }
  }

  /** Whether a cell still asks; no end is told of one whose kernel or notebook is gone. */
  private _isCellAsking(): boolean {
    const over = [...this._running].filter(model => model.isDisposed || isIdle(model));
    over.forEach(model => this._running.delete(model));
    return this._running.size > 0;
  }

  private _say(words: string): void {
    if (words) {
      this.node.textContent = words;
    }
  }

  private readonly _bridges: IBridges;
  private readonly _trans: TranslationBundle;
  /** The cells that ask, from when they are to run to their end. */
  private readonly _running = new Set<ICellModel>();
  private _bridge: IBridges['current'] = null;
  private _state: Status['state'] = 'idle';
  /** Whether anything has been loaded or answered for a cell since one was last to ask. */
  private _hasBegun = false;
}

/** A cell, as far as its outputs are looked at. */
interface IAnswered {
  outputs?: { length: number; get(index: number): { data: Record<string, unknown> } };
}

/** Whether a cell is known not to run: JupyterLab before 4.4 does not say. */
function isIdle(model: ICellModel): boolean {
  return 'executionState' in model && model.executionState === 'idle';
}

/** Return why the answer of a cell that has run ended; empty if it gave none. */
function finishReasonOf({ outputs }: IAnswered): string {
  for (let number = 0; number < (outputs?.length ?? 0); number += 1) {
    const data = outputs?.get(number).data;
    const answer = data?.[RESULT_MIME];
    if (isResultData(answer)) {
      return answer.finish_reason;
    }
    if (isBatchData(data?.[BATCH_MIME])) {
      return 'stop';
    }
  }
  return '';
}
