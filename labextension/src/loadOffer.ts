/** The question whether a model is to be loaded for ghost text. */

import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookBridge } from './bridge';
import { notifyFailure } from './notifications';

const SHOWN_MS = 20000;

/** Asks once on this page, and again only if a model is lost that was there. */
export class LoadOffer {
  constructor(private readonly _trans: TranslationBundle) {}

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
    const trans = this._trans;
    const model = kernel.status?.model;
    const offer = model
      ? trans.__('CodeFace suggests code while you type once %1 is in memory.', model)
      : trans.__('CodeFace suggests code while you type once the model is in memory.');
    Notification.info(offer, {
      autoClose: SHOWN_MS,
      actions: [
        {
          label: trans.__('Load it'),
          displayType: 'accent',
          callback: () => void kernel.request('load_model', {}).catch(notifyFailure)
        },
        { label: trans.__('Not now'), callback: () => undefined }
      ]
    });
  }

  private _isMade = false;
}
