/** Messages to the user in a corner of the page. */

import { Notification } from '@jupyterlab/apputils';

/** Say what went wrong, for a while. */
export function notifyFailure(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  Notification.warning(`CodeFace: ${message}`, { autoClose: 10000 });
}
