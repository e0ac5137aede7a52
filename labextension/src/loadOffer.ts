/** The question whether a model is to be loaded for ghost text. */

import { Notification } from '@jupyterlab/apputils';

import type { NotebookBridge } from './bridge';
import { notifyFailure } from './notifications';

const SHOWN_MS = 20000;

/** Asks once on this page, and again only if a model is lost that was there. */
export class LoadOffer {
  /**
   * Offer to load the kernel's model, unless that was offered before.
   *
   * @param isLost - Whether a model has completed code in this kernel, and is gone.
   */
  make(kernel: Pick<NotebookBridge, 'request' | 'status'>, isLost = false): void {
    if (this._isMade && !isLost) {
      return;
    }
    this._isMade = true;
    const model = kernel.status?.model || 'the model';
    Notification.info(`CodeFace suggests code while you type once ${model} is in memory.`, {
      autoClose: SHOWN_MS,
      actions: [
        {
          label: 'Load it',
          displayType: 'accent',
          callback: () => void kernel.request('load_model', {}).catch(notifyFailure)
        },
        { label: 'Not now', callback: () => undefined }
      ]
    });
  }

  private _isMade = false;
}
