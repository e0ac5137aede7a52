/** What is typed or asked under an answer while its cell is moved. */

import type { ISharedCodeCell } from '@jupyter/ydoc';

import type { ICellLocation } from './cellLocation';
import type { FurtherAnswers } from './furtherAnswers';
import { findCell } from './notebook';
import { RESULT_MIME } from './protocol';

/** Keeps it from an answer's old place, which JupyterLab takes away, until there is a new one. */
export class MovedQuestions {
  /** Keep it, unless the answer is gone from its cell. */
  keep(place: ICellLocation, answerId: string, further: FurtherAnswers): void {
    this._kept.set(keyOf(place, answerId), further);
    // A cell that is moved is taken out and put in again.
    void Promise.resolve().then(() => {
      if (place.panel.isDisposed || !holdsAnswer(place, answerId)) {
        this.take(place, answerId)?.dispose();
      }
    });
  }

  /** Return what was kept for an answer, once; null if nothing was. */
  take(place: ICellLocation, answerId: string): FurtherAnswers | null {
    const key = keyOf(place, answerId);
    const further = this._kept.get(key) ?? null;
    this._kept.delete(key);
    return further;
  }

  private readonly _kept = new Map<string, FurtherAnswers>();
}

function keyOf({ panel, cellId }: ICellLocation, answerId: string): string {
  return JSON.stringify([panel.id, cellId, answerId]);
}

function holdsAnswer({ panel, cellId }: ICellLocation, answerId: string): boolean {
  const cell = findCell(panel.context.model.sharedModel, cellId);
  const outputs = cell?.cell_type === 'code' ? (cell as ISharedCodeCell).getOutputs() : [];
  return outputs.some(output => {
    const { data } = output as { data?: Record<string, { answer_id?: unknown } | undefined> };
    return data?.[RESULT_MIME]?.answer_id === answerId;
  });
}
