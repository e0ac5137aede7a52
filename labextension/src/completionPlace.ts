/** Whether the cursor stands where code can be completed. */

import { syntaxTree } from '@codemirror/language';
import type { EditorState } from '@codemirror/state';

type SyntaxNode = ReturnType<ReturnType<typeof syntaxTree>['resolveInner']>;

/** Cell magics whose cell is the user's own Python. */
const PYTHON_MAGIC = /^%%(?:time|timeit|capture|prun)\b/;
const WORD = /^[\p{L}\p{M}\p{N}_]/u;
const QUOTES = /^[A-Za-z]*("""|'''|"|')/;

/**
 * Whether code is to be completed at the cursor.
 *
 * @param isAskedFor - Whether the user pressed a key for it: then words are completed too.
 */
export function isCompletable(state: EditorState, isAskedFor: boolean): boolean {
  const { main, ranges } = state.selection;
  const beginning = state.sliceDoc(0, 200).trimStart();
  return (
    !state.readOnly &&
    ranges.length === 1 &&
    main.empty &&
    (!beginning.startsWith('%%') || PYTHON_MAGIC.test(beginning)) &&
    !WORD.test(state.sliceDoc(main.head, main.head + 2)) &&
    (isAskedFor || !isInWords(state, main.head))
  );
}

/** Whether a position is in what is written for people: a comment, a docstring, a message. */
function isInWords(state: EditorState, position: number): boolean {
  let node: SyntaxNode | null = syntaxTree(state).resolveInner(position, -1);
  for (; node; node = node.parent) {
    switch (node.name) {
      case 'Comment':
        return true;
      case 'FormatReplacement':
        return false;
      case 'String':
      case 'FormatString':
        return isInText(node, state, position);
    }
  }
  return false;
}

/** Whether a position is in a string that is not, as far as it goes, the name of something. */
function isInText(node: SyntaxNode, state: EditorState, position: number): boolean {
  const quotes = QUOTES.exec(state.sliceDoc(node.from, node.to))?.[1] ?? '"';
  const typed = state.sliceDoc(node.from, position);
  const isClosed = position === node.to && typed.length > quotes.length && typed.endsWith(quotes);
  const isText = node.name === 'FormatString' || quotes.length > 1 || /\s/.test(typed);
  return !isClosed && isText;
}
