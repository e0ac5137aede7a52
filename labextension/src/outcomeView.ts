/** What an answer's code did when it was tried on a copy of the kernel, and other answers. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { withCodeSpans, withLines } from './codeSpans';
import { isChanged } from './findings';
import type { ResultAlternative, ResultData, ResultOutcome } from './protocol';
import { makeScrollable, withoutShortcuts } from './keyboard';

const PNG = 'data:image/png;base64,';

/** A line that opens to what the cell would show; below it a line for each other answer. */
export class OutcomeView {
  constructor(data: ResultData, trans: TranslationBundle) {
    this._data = data;
    this.node.className = 'jp-CodeFace-outcome';
    if (!data.outcome) {
      return;
    }
    withoutShortcuts(this.node);
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', trans.__('Tried on a copy of your notebook'));
    const { ending, is_unsure: isUnsure = false, line } = data.outcome;
    const isPast = isChanged(data);
    const words = isPast ? trans.__('%1 (before your change)', line) : line;
    const own = folded(words, preview(data.outcome, trans));
    own.classList.toggle('jp-mod-warn', !isPast && (ending !== 'ran' || isUnsure));
    own.toggleAttribute('open', data.outcome.is_answer === true);
    this._others = (data.alternatives ?? []).map(alternative =>
      folded(alternative.outcome?.line ?? trans.__('Another answer'), [
        listing(alternative.code),
        ...shown(alternative, trans)
      ])
    );
    this.node.append(own, ...this._others);
  }

  readonly node = document.createElement('div');

  /** Put a row of buttons under each other answer, made for it as the only one. */
  addRows(makeRow: (data: ResultData) => HTMLElement): void {
    (this._data.alternatives ?? []).forEach((alternative, index) => {
      this._others[index]?.append(makeRow(withAlternative(this._data, alternative)));
    });
  }

  private readonly _data: ResultData;
  private _others: HTMLElement[] = [];
}

/** Return an answer whose only block is another one's. */
export function withAlternative(data: ResultData, alternative: ResultAlternative): ResultData {
  const { code, source, obstacle = '' } = alternative;
  const language = data.blocks[0]?.language ?? 'python';
  const block = { language, code, source, cell_type: 'code' as const, is_closed: true };
  // What the first answer lost of the cell is not what this one did.
  const isOffered = !obstacle && data.replaces_cell_id !== null;
  const rewrite = data.rewrite && { ...data.rewrite, is_offered: isOffered, only_repeats: false };
  return {
    ...data,
    blocks: [block],
    rewrite,
    findings: [],
    notes: [],
    outcome: null,
    alternatives: []
  };
}

function shown({ outcome, obstacle }: ResultAlternative, trans: TranslationBundle): HTMLElement[] {
  const parts = outcome ? preview(outcome, trans) : [];
  if (obstacle) {
    const words = document.createElement('p');
    words.append(...withCodeSpans(obstacle));
    parts.push(words);
  }
  return parts;
}

/** Return a line, which opens to what belongs to it if there is anything. */
function folded(line: string, content: HTMLElement[]): HTMLElement {
  const node = document.createElement(content.length > 0 ? 'details' : 'div');
  const words = document.createElement(content.length > 0 ? 'summary' : 'span');
  words.append(...withCodeSpans(line));
  node.append(words, ...content);
  return node;
}

/** Return what the cell would show, made of text alone: a copy's data are untrusted. */
function preview(outcome: ResultOutcome, trans: TranslationBundle): HTMLElement[] {
  const parts: HTMLElement[] = [];
  if (outcome.text) {
    parts.push(listing(outcome.text));
  }
  if (outcome.header.length > 0) {
    parts.push(table(outcome, trans));
  }
  if (outcome.png) {
    const image = document.createElement('img');
    image.src = `${PNG}${outcome.png}`;
    image.alt = trans.__('The figure that this code draws');
    parts.push(image);
  }
  return parts;
}

function listing(text: string): HTMLElement {
  const node = document.createElement('pre');
  node.textContent = withLines(text);
  return node;
}

function table(
  { header, rows, is_whole: isWhole }: ResultOutcome,
  trans: TranslationBundle
): HTMLElement {
  const node = document.createElement('table');
  node.createTHead().append(tableRow(header, () => 'th'));
  const body = node.createTBody();
  body.append(...rows.map(row => tableRow(row, column => (column === 0 ? 'th' : 'td'))));
  if (!isWhole) {
    body.append(tableRow(['…'], () => 'th'));
  }
  const scrolling = document.createElement('div');
  scrolling.className = 'jp-CodeFace-table';
  makeScrollable(scrolling, trans.__('The table that this code shows'));
  scrolling.append(node);
  return scrolling;
}

function tableRow(cells: string[], tag: (column: number) => 'th' | 'td'): HTMLElement {
  const row = document.createElement('tr');
  cells.forEach((text, column) => {
    const cell = document.createElement(tag(column));
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}
