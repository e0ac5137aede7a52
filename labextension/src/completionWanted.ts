/** What the kernel is told of the place where something is to be completed. */

import type { ISharedNotebook } from '@jupyter/ydoc';

import { indexOf } from './notebook';
import { CompletionWanted, MAX_CELL_CHARACTERS, MAX_CELLS } from './protocol';
import type { IPlace } from './suggestion';

/** Of the cells above: more than that no small model reads in the time that a key leaves. */
const MAX_ABOVE_CHARACTERS = 24000;

/** What is not about the place. */
export type CompletionTerms = Omit<CompletionWanted, 'above' | 'prefix' | 'suffix'>;

/** Describe a place in a notebook, cut to what a message may hold. */
export function describePlace(
  notebook: ISharedNotebook,
  { cellId, prefix, suffix }: IPlace,
  terms: CompletionTerms
): CompletionWanted {
  return {
    above: sourcesAbove(notebook, cellId),
    // Half of a surrogate pair is not valid text, so it is dropped as well.
    prefix: prefix.slice(-MAX_CELL_CHARACTERS).replace(/^[\uDC00-\uDFFF]/, ''),
    suffix: suffix.slice(0, MAX_CELL_CHARACTERS).replace(/[\uD800-\uDBFF]$/, ''),
    ...terms
  };
}

/** Return the sources of the nearest code cells above one, whole and in their order. */
function sourcesAbove(notebook: ISharedNotebook, cellId: string): string[] {
  const sources: string[] = [];
  let left = MAX_ABOVE_CHARACTERS;
  const above = notebook.cells.slice(0, Math.max(0, indexOf(notebook, cellId)));
  for (const cell of above.reverse()) {
    const source = cell.cell_type === 'code' ? cell.getSource() : '';
    left -= source.length;
    if (left < 0 || sources.length === MAX_CELLS) {
      break;
    }
    if (source.trim()) {
      sources.unshift(source);
    }
  }
  return sources;
}
