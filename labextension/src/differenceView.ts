/** A difference on the page: side by side where there is room, one below the other elsewhere. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { Chunk, countLines, Piece } from './difference';
import { findListings } from './markdown';
import { withoutShortcuts } from './keyboard';

type Side = 'before' | 'after';

// As many unchanged lines stay beside a change; a longer run between is folded.
const CONTEXT = 3;
const MIN_FOLDED = 3;
const SIGNS = { same: ' ', before: '−', after: '+' };

/**
 * Show what an answer makes of the cell that it rewrites, in the place of the whole new cell.
 *
 * The listing of the new cell stays, hidden, so that its buttons find their place.
 */
export function showDifference(
  answer: HTMLElement,
  chunks: Chunk[],
  { code, trans }: { code: string; trans: TranslationBundle }
): void {
  const [listing] = findListings(answer, [code]);
  const view = differenceNode(chunks, trans);
  if (listing) {
    listing.hidden = true;
    listing.before(view);
  } else {
    answer.append(view);
  }
}

/** Return a node that shows a difference; signs tell the sides apart, not only colours. */
export function differenceNode(chunks: Chunk[], trans: TranslationBundle): HTMLElement {
  const counts = countLines(chunks);
  const removed = trans._n('%1 line removed', '%1 lines removed', counts.removed);
  const added = trans._n('%1 line added', '%1 lines added', counts.added);
  const node = element('div', 'jp-CodeFace-difference');
  node.setAttribute('role', 'group');
  node.setAttribute('aria-label', trans.__('Changes to the cell: %1, %2', removed, added));
  node.dir = 'ltr';
  chunks.forEach((chunk, index) => {
    const isFirst = index === 0;
    const isLast = index === chunks.length - 1;
    node.append(
      ...(chunk.isSame ? unchanged(chunk.before, { isFirst, isLast, trans }) : [row(chunk)])
    );
  });
  return node;
}

/** Return unchanged lines, those in the middle of a long run folded. */
function unchanged(
  lines: Piece[][],
  { isFirst, isLast, trans }: { isFirst: boolean; isLast: boolean; trans: TranslationBundle }
): HTMLElement[] {
  const head = isFirst ? 0 : CONTEXT;
  const tail = isLast ? 0 : CONTEXT;
  const folded = lines.slice(head, lines.length - tail);
  if (folded.length < MIN_FOLDED) {
    return [same(lines)];
  }
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  summary.textContent = trans._n('%1 unchanged line', '%1 unchanged lines', folded.length);
  details.append(summary, same(folded));
  withoutShortcuts(details);
  const around = [lines.slice(0, head), lines.slice(lines.length - tail)] as const;
  const [above, below] = around.map(part => (part.length ? [same(part)] : []));
  return [...(above ?? []), details, ...(below ?? [])];
}

function same(lines: Piece[][]): HTMLElement {
  const node = row({ isSame: true, before: lines, after: lines });
  // On narrow pages it is not shown: the lines stand there once.
  node.lastElementChild?.setAttribute('aria-hidden', 'true');
  return node;
}

function row({ isSame, before, after }: Chunk): HTMLElement {
  const node = element('div', isSame ? 'jp-CodeFace-same' : 'jp-CodeFace-changed');
  node.append(side(before, 'before', isSame), side(after, 'after', isSame));
  return node;
}

function side(lines: Piece[][], name: Side, isSame: boolean): HTMLElement {
  const node = element('div', `jp-CodeFace-${name}`);
  const tag = isSame ? 'div' : name === 'before' ? 'del' : 'ins';
  node.append(...lines.map(pieces => line(pieces, tag, SIGNS[isSame ? 'same' : name])));
  return node;
}

function line(pieces: Piece[], tag: string, sign: string): HTMLElement {
  const node = element(tag, 'jp-CodeFace-line');
  const signNode = element('span', 'jp-CodeFace-sign');
  const code = document.createElement('code');
  signNode.textContent = sign;
  code.append(...pieces.map(piece => (piece.isMarked ? marked(piece.text) : piece.text)));
  node.append(signNode, code);
  return node;
}

function marked(text: string): HTMLElement {
  const node = document.createElement('mark');
  node.textContent = text;
  return node;
}

function element(tag: string, className: string): HTMLElement {
  const node = document.createElement(tag);
  node.className = className;
  return node;
}
