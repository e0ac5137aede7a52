/** What screen readers say of an answer: that it begins, how it ends. */

import type { ICellModel } from '@jupyterlab/cells';
import { NotebookActions } from '@jupyterlab/notebook';

import { isRequest } from './magicCells';
import type { IBridges } from './openNotebooks';
import { isResultData, RESULT_MIME, Status } from './protocol';

const BEGINNINGS: Partial<Record<Status['state'], string>> = {
  loading: 'CodeFace is loading the model',
  generating: 'CodeFace is answering'
};
const FINISHED = 'The answer is finished';
const ENDINGS: Record<string, string> = {
  stop: FINISHED,
  length: 'The answer was cut off',
  cancelled: 'The answer was stopped',
  error: 'The answer ended in an error'
};

/** A live region for the notebook in front. */
export class Announcer {
  constructor({ bridges }: { bridges: IBridges }) {
    this._bridges = bridges;
    this.node.className = 'jp-CodeFace-announcer';
    this.node.setAttribute('role', 'status');
    bridges.currentChanged.connect(this._follow, this);
    NotebookActions.executionScheduled.connect((_, { cell: { model } }) => {
      if (isRequest(model.sharedModel.getSource())) {
        this._running.add(model);
      }
    });
    NotebookActions.executed.connect((_, { cell: { model }, success, error }) => {
      if (this._running.delete(model)) {
        this._say(
          success ? endingOf(model as IAnswered) : `CodeFace failed: ${error?.message ?? ''}`
        );
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
    if (isSame && isNew) {
      this._say(BEGINNINGS[state] ?? (this._isCellAsking() ? '' : FINISHED));
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
  /** The cells that ask, from when they are to run to their end. */
  private readonly _running = new Set<ICellModel>();
  private _bridge: IBridges['current'] = null;
  private _state: Status['state'] = 'idle';
}

/** A cell, as far as its outputs are looked at. */
interface IAnswered {
  outputs?: { length: number; get(index: number): { data: Record<string, unknown> } };
}

/** Whether a cell is known not to run: JupyterLab before 4.4 does not say. */
function isIdle(model: ICellModel): boolean {
  return 'executionState' in model && model.executionState === 'idle';
}

/** Return how the answer of a cell that has run ended; empty if it gave none. */
function endingOf({ outputs }: IAnswered): string {
  for (let number = 0; number < (outputs?.length ?? 0); number += 1) {
    const data = outputs?.get(number).data[RESULT_MIME];
    if (isResultData(data)) {
      return ENDINGS[data.finish_reason] ?? '';
    }
  }
  return '';
}
