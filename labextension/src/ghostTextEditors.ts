/** What happens in an editor, as far as it matters to what is suggested there. */

import type { Extension } from '@codemirror/state';
import { EditorView, ViewUpdate } from '@codemirror/view';

/** Whoever is told; nothing may be changed before the call has returned. */
export interface IEditorWatcher {
  /** The text was changed by whoever has the keyboard. */
  edited(view: EditorView): void;

  /** The text was changed by something else: undo, a program, another person. */
  changed(view: EditorView): void;

  /** The cursor moved, and the text is the same. */
  moved(view: EditorView): void;

  /** The editor got the focus. */
  focused(view: EditorView): void;

  /** The editor lost the focus. */
  blurred(view: EditorView): void;
}

/** Tell of what happens in an editor. */
export function watched(watcher: IEditorWatcher): Extension {
  return EditorView.updateListener.of(update => {
    const { view } = update;
    if (update.focusChanged && !view.hasFocus) {
      watcher.blurred(view);
    } else if (update.focusChanged) {
      watcher.focused(view);
    }
    if (!update.docChanged && update.selectionSet) {
      watcher.moved(view);
    } else if (update.docChanged) {
      watcher[isByHand(update) ? 'edited' : 'changed'](view);
    }
  });
}

/** Whether somebody typed: only then the change says where the cursor goes. */
function isByHand({ transactions, view }: ViewUpdate): boolean {
  return view.hasFocus && transactions.some(({ docChanged, selection }) => docChanged && selection);
}
