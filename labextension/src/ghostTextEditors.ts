/** What happens in an editor, as far as it matters to what is suggested there. */

import { Extension, Prec, Transaction } from '@codemirror/state';
import { EditorView, ViewPlugin, ViewUpdate } from '@codemirror/view';

/** Whoever is told; nothing may be changed before the call has returned. */
export interface IEditorWatcher {
  /** The text was changed by whoever has the keyboard. */
  edited(view: EditorView): void;

  /** The text was changed by something else: undo, a program, another person. */
  changed(view: EditorView): void;

  /** A text goes in as a whole, not by keys; told before the history has it, and after. */
  inserted(view: EditorView): void;

  /** The cursor moved, and the text is the same. */
  moved(view: EditorView): void;

  /** The editor got the focus. */
  focused(view: EditorView): void;

  /** The editor lost the focus. */
  blurred(view: EditorView): void;
}

/** Tell of what happens in an editor. */
export function watched(watcher: IEditorWatcher): Extension {
  return [Prec.highest(beforeHistory(watcher)), afterUpdate(watcher)];
}

/** Plugins are updated in their order, and one of them keeps the history. */
function beforeHistory(watcher: IEditorWatcher): Extension {
  return ViewPlugin.define(() => ({
    update: update => {
      if (update.transactions.some(isWhole)) {
        watcher.inserted(update.view);
      }
    }
  }));
}

function afterUpdate(watcher: IEditorWatcher): Extension {
  return EditorView.updateListener.of(update => {
    const { view } = update;
    if (update.transactions.some(isWhole)) {
      watcher.inserted(view);
    }
    if (update.focusChanged) {
      watcher[view.hasFocus ? 'focused' : 'blurred'](view);
    }
    if (update.docChanged) {
      watcher[isByHand(update) ? 'edited' : 'changed'](view);
    } else if (update.selectionSet) {
      watcher.moved(view);
    }
  });
}

function isByHand({ transactions, view }: ViewUpdate): boolean {
  return view.hasFocus && transactions.some(movesOn);
}

/** Whether a transaction is what JupyterLab makes of an accepted suggestion or a chosen name. */
function isWhole(transaction: Transaction): boolean {
  const isNamed = transaction.annotation(Transaction.userEvent) !== undefined;
  return movesOn(transaction) && (!isNamed || transaction.isUserEvent('input.complete'));
}

/** Only changes that are made at the keyboard say where the cursor goes. */
function movesOn({ docChanged, selection }: Transaction): boolean {
  return docChanged && selection !== undefined;
}
