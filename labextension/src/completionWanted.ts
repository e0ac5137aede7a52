/** What the kernel is told of the place where something is to be completed. */

import type { ISharedNotebook } from '@jupyter/ydoc';
import type { CodeConsole } from '@jupyterlab/console';

import { indexOf } from './notebook';
import { CompletionWanted, MAX_CELL_CHARACTERS, MAX_CELLS } from './protocol';
import type { IPlace } from './suggestion';

/** Of the cells above: more than that no small model reads in the time that a key leaves. */
const MAX_ABOVE_CHARACTERS = 24000;

/** What is not about the place. */
export type CompletionTerms = Omit<CompletionWanted, 'above' | 'prefix' | 'suffix'>;

/**
 * Describe a place, cut to what a message may hold.
 *
 * @param sourcesAbove - What stands above, the nearest first.
 */
export function describePlace(
  sourcesAbove: Iterable<string>,
  { prefix, suffix }: IPlace,
  terms: CompletionTerms
): CompletionWanted {
  return {
    above: nearest(sourcesAbove),
    // Half of a surrogate pair is not valid text, so it is dropped as well.
    prefix: prefix.slice(-MAX_CELL_CHARACTERS).replace(/^[\uDC00-\uDFFF]/, ''),
    suffix: suffix.slice(0, MAX_CELL_CHARACTERS).replace(/[\uD800-\uDBFF]$/, ''),
    ...terms
  };
}

/** Yield the sources of the code cells above one, the nearest first. */
export function* notebookSources(notebook: ISharedNotebook, cellId: string): Iterable<string> {
  const above = notebook.cells.slice(0, Math.max(0, indexOf(notebook, cellId)));
  for (const cell of above.reverse()) {
    if (cell.cell_type === 'code') {
      yield cell.getSource();
    }
  }
}

/** Yield the sources of what was run in a console, the last first. */
export function* consoleSources(cells: CodeConsole['cells']): Iterable<string> {
  for (let index = cells.length - 1; index >= 0; index -= 1) {
    const { model } = cells.get(index);
    if (model.type === 'code') {
      yield model.sharedModel.getSource();
    }
  }
}

/** Return the first of some sources, as many as a message has, whole and turned round. */
function nearest(nearestFirst: Iterable<string>): string[] {
  const sources: string[] = [];
  let left = MAX_ABOVE_CHARACTERS;
  for (const source of nearestFirst) {
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
