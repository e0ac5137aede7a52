/** How a cell differs from what an answer makes of it: pure text. */

import { diffArrays, diffWordsWithSpace } from 'diff';

import { withLines } from './codeSpans';
import type { ResultData } from './protocol';

/** A piece of a line; what is marked is not in the line on the other side. */
export type Piece = { text: string; isMarked: boolean };

/** Lines that are the same on both sides, or those of one side in the place of the other's. */
export type Chunk = { isSame: boolean; before: Piece[][]; after: Piece[][] };

const FENCE = /^(`{3,})diff\n[\s\S]*?\n\1(?:\n+|$)/;
// Cells so long or so different that comparing them takes longer are shown as two wholes.
const TIMEOUT_MS = 300;
// Lines that share less than this are not two versions of one line.
const MIN_SHARED = 0.5;

/** Return the difference that an answer makes to the cell that it rewrites; null if it makes none. */
export function differenceOf(data: ResultData): Chunk[] | null {
  const [block, ...others] = data.blocks;
  if (!data.rewrite || !block || others.length > 0 || block.source === data.rewrite.before) {
    return null;
  }
  // With the magic that the cell would begin with.
  return compare(data.rewrite.before, block.source);
}

/** Return an answer's text without the difference that it begins with. */
export function withoutDifference(text: string): string {
  return text.replace(FENCE, '');
}

/** Return what is the same in two texts and what is not, line by line. */
export function compare(before: string, after: string): Chunk[] {
  const lines = [withLines(before).split('\n'), withLines(after).split('\n')] as const;
  const changes = diffArrays(...lines, { timeout: TIMEOUT_MS });
  if (!changes) {
    return [changed(...lines)];
  }
  const chunks: Chunk[] = [];
  let removed: string[] = [];
  for (const { added, removed: isRemoved, value } of changes) {
    if (isRemoved) {
      removed = value;
    } else if (added) {
      chunks.push(changed(removed, value));
      removed = [];
    } else {
      chunks.push(...(removed.length ? [changed(removed, [])] : []), same(value));
      removed = [];
    }
  }
  return [...chunks, ...(removed.length ? [changed(removed, [])] : [])];
}

/** Return how many lines a difference takes away and adds. */
export function countLines(chunks: Chunk[]): { removed: number; added: number } {
  const changes = chunks.filter(chunk => !chunk.isSame);
  const count = (side: 'before' | 'after') =>
    changes.reduce((sum, chunk) => sum + chunk[side].length, 0);
  return { removed: count('before'), added: count('after') };
}

function same(lines: string[]): Chunk {
  const pieces = lines.map(whole);
  return { isSame: true, before: pieces, after: pieces };
}

function changed(before: readonly string[], after: readonly string[]): Chunk {
  if (before.length !== after.length) {
    return { isSame: false, before: before.map(whole), after: after.map(whole) };
  }
  const pairs = before.map((line, index) => compareLines(line, after[index] ?? ''));
  return { isSame: false, before: pairs.map(([old]) => old), after: pairs.map(([, now]) => now) };
}

/** Return two lines in pieces, with those marked that only one of them has. */
function compareLines(before: string, after: string): [Piece[], Piece[]] {
  const parts = diffWordsWithSpace(before, after);
  const shared = parts
    .filter(part => !part.added && !part.removed)
    .reduce((sum, part) => sum + part.value.trim().length, 0);
  if (shared < MIN_SHARED * Math.max(before.trim().length, after.trim().length)) {
    return [whole(before), whole(after)];
  }
  const side = (other: 'added' | 'removed') =>
    parts
      .filter(part => !part[other])
      .map(part => ({ text: part.value, isMarked: part.added || part.removed }));
  return [side('added'), side('removed')];
}

function whole(text: string): Piece[] {
  return [{ text, isMarked: false }];
}
