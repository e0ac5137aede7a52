/** The question whether a model is to be loaded for ghost text. */

import { Notification } from '@jupyterlab/apputils';

import type { NotebookBridge } from './bridge';
import { notifyFailure } from './notifications';

const SHOWN_MS = 20000;

/** Asks once, and never again on this page. */
export class LoadOffer {
  /** Offer to load the kernel's model, unless that was offered before. */
  make(kernel: Pick<NotebookBridge, 'request' | 'status'>): void {
    if (this._isMade) {
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
