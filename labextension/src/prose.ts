/** How the editor of a cell shows a question: as prose, wrapped, and not as Python. */

import { Language, StreamLanguage } from '@codemirror/language';
import { Compartment, EditorState, Extension, Prec, Text } from '@codemirror/state';
import { EditorView, placeholder } from '@codemirror/view';
import type { TranslationBundle } from '@jupyterlab/translation';

/** The cell magics that are followed by words. */
const QUESTION = /^\s*%%codeface(?:_batch)?(?:\s|$)/;
/** Where the magic must be, so that not the whole of a large file is looked at. */
const BEGINNING = 200;

/** Words, with the magic's own line and the names in braces marked. */
const prose: Language = StreamLanguage.define<{ isBegun: boolean }>({
  name: 'codeface',
  startState: () => ({ isBegun: false }),
  token: (stream, state) => {
    if (!state.isBegun && stream.match(/^\s*%%\w+/)) {
      state.isBegun = true;
      return 'meta';
    }
    if (stream.match(/^\{[^{}\n]*\}/)) {
      return 'variableName.definition';
    }
    stream.next();
    stream.eatWhile(/[^{]/);
    return null;
  },
  languageData: { closeBrackets: { brackets: ['(', '[', '{', '`'] } }
});

/** Whether a cell's text, or its beginning, is a question. */
export function isQuestion(source: string): boolean {
  return QUESTION.test(source);
}

/** As much of a text as tells whether it is a question. */
export function beginningOf(text: Text): string {
  return text.sliceString(0, BEGINNING);
}

/**
 * Show a text as prose as long as it is a question, and otherwise as it would be.
 *
 * @param source - What the editor begins with.
 */
export function proseExtension(source: string): Extension {
  const compartment = new Compartment();
  const asProse = Prec.highest([prose.extension, EditorView.lineWrapping]);
  const extensionOf = (begin: string) => (isQuestion(begin) ? asProse : []);
  return [
    compartment.of(extensionOf(source)),
    EditorState.transactionExtender.of(({ docChanged, newDoc, startState }) => {
      const wanted = extensionOf(docChanged ? beginningOf(newDoc) : beginningOf(startState.doc));
      const isShown = compartment.get(startState) === asProse;
      return isShown === (wanted === asProse) ? null : { effects: compartment.reconfigure(wanted) };
    })
  ];
}

/** What the line in an empty editor does. */
interface IAskOptions {
  ask: () => void;
  /** Return the keys that do the same, as they are called here; empty if there are none. */
  keys: () => string;
  trans: TranslationBundle;
}

/** A line in an empty editor that begins a question. */
export function askPlaceholder({ ask, keys, trans }: IAskOptions): Extension {
  return placeholder(() => {
    const shortcut = keys();
    const button = document.createElement('button');
    button.className = 'jp-CodeFace-ask';
    button.tabIndex = -1;
    button.textContent = trans.__('Ask CodeFace…');
    button.title = shortcut
      ? trans.__('Ask for code here (%1)', shortcut)
      : trans.__('Ask for code here');
    button.addEventListener('mousedown', event => event.preventDefault());
    button.addEventListener('click', ask);
    return button;
  });
}
