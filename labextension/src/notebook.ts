/**
 * What is read from a notebook and done to it: pure over its shared model, so
 * that every change is one step of its undo history.
 */

import type { ISharedCell, ISharedCodeCell, ISharedNotebook } from '@jupyter/ydoc';

import type { JSONValue } from '@lumino/coreutils';

import {
  Cell,
  CellError,
  MAX_CELL_CHARACTERS,
  MAX_CELL_ERRORS,
  MAX_CELLS,
  MAX_NOTEBOOK_CHARACTERS,
  MAX_TRACEBACK_CHARACTERS,
  ResultBlock,
  ResultRewrite
} from './protocol';

/** Where an inserted cell came from; kept in its metadata. */
type Origin = {
  /** The cell that asked, the digest of its prompt, and which block this is; null for the words. */
  cell_id: string;
  prompt_sha256: string;
  block: number | null;
  model: string;
  engine: string;
};

/** A cell to be made. */
export interface INewCell {
  cell_type: 'code' | 'markdown';
  source: string;
  origin?: Origin;
}

const METADATA_KEY = 'codeface';

/**
 * Return the cells in document order, cut to what a message may hold.
 *
 * Cells near the asking one keep their source the longest; the nearest bring their error.
 */
export function describeCells(notebook: ISharedNotebook, asking: string | null): Cell[] {
  const all = notebook.cells;
  const position = Math.max(indexOf(notebook, asking), 0);
  const begin = Math.max(0, Math.min(position + 1 - MAX_CELLS / 2, all.length - MAX_CELLS));
  const cells = all.slice(begin, begin + MAX_CELLS).map(describeCell);
  const byDistance = cells
    .map((cell, index) => ({ cell, index, distance: Math.abs(begin + index - position) }))
    .sort((a, b) => a.distance - b.distance);
  let left = MAX_NOTEBOOK_CHARACTERS;
  for (const { cell } of byDistance) {
    cut(cell, left);
    left -= cell.source.length;
  }
  // Reading a cell's outputs copies them.
  for (const { cell, index } of byDistance.slice(0, MAX_CELL_ERRORS)) {
    const error = errorOf(all[begin + index]);
    if (error) {
      cell.error = error;
    }
  }
  return cells;
}

/** Return what a notebook's metadata says of requests in Run All; null if it says nothing. */
export function asksInRunAll(notebook: ISharedNotebook): boolean | null {
  return flagOf(notebook, 'ask_in_run_all');
}

/** Return what a notebook's metadata says of the answers that it wants; null if nothing. */
export function answersOf(notebook: ISharedNotebook): 'code' | 'hints' | null {
  const value = metadataOf(notebook).answers;
  return value === 'code' || value === 'hints' ? value : null;
}

/** Have a notebook say whether its requests are answered in Run All; null for nothing. */
export function setAsksInRunAll(notebook: ISharedNotebook, value: boolean | null): void {
  setFlag(notebook, 'ask_in_run_all', value);
}

/** Return what a notebook's metadata says of ghost text; null if it says nothing. */
export function hasGhostText(notebook: ISharedNotebook): boolean | null {
  return flagOf(notebook, 'ghost_text');
}

/** Have a notebook say whether it has ghost text; null for nothing. */
export function setGhostText(notebook: ISharedNotebook, value: boolean | null): void {
  setFlag(notebook, 'ghost_text', value);
}

/** Return the position of a cell, or -1. */
export function indexOf(notebook: ISharedNotebook, cellId: string | null): number {
  return cellId === null ? -1 : notebook.cells.findIndex(cell => cell.id === cellId);
}

/** Return a cell, or undefined if it is not in the notebook. */
export function findCell(
  notebook: ISharedNotebook,
  cellId: string | null
): ISharedCell | undefined {
  return notebook.cells[indexOf(notebook, cellId)];
}

/**
 * Insert cells right below another one, as one step of the undo history.
 *
 * @returns the new cells' ids; none if the cell is gone.
 */
export function insertBelow(
  notebook: ISharedNotebook,
  cellId: string,
  cells: INewCell[]
): string[] {
  const position = indexOf(notebook, cellId);
  if (position < 0) {
    return [];
  }
  return notebook.insertCells(position + 1, cells.map(toSharedCell)).map(cell => cell.id);
}

/** Return the ids of the cells right below another one if they have just these sources. */
export function findBelow(
  notebook: ISharedNotebook,
  cellId: string,
  sources: string[]
): string[] | null {
  const begin = indexOf(notebook, cellId) + 1;
  const below = notebook.cells.slice(begin, begin + sources.length);
  const areSame = sources.every((source, index) => below[index]?.getSource() === source);
  return begin > 0 && areSame ? below.map(cell => cell.id) : null;
}

/** Whether a cell's source may not be changed, as in assignments that nbgrader has made. */
export function isLocked(cell: ISharedCell): boolean {
  return cell.getMetadata('editable') === false;
}

/** Whether a new cell may take a cell's place, which one of another type does by deleting it. */
export function isReplaceable(cell: ISharedCell, type: INewCell['cell_type']): boolean {
  return !isLocked(cell) && (cell.cell_type === type || isDeletable(cell));
}

function isDeletable(cell: ISharedCell): boolean {
  return cell.getMetadata('deletable') !== false;
}

/**
 * Put a new source in the place of a cell's, as one step of the undo history.
 *
 * @param removed - A cell that goes in the same step, unless it is to stay, or null.
 * @returns the id of the cell that holds it now, or null if the cell is gone or locked.
 */
export function replaceCell(
  notebook: ISharedNotebook,
  cellId: string | null,
  cell: INewCell,
  removed: string | null = null
): string | null {
  const position = indexOf(notebook, cellId);
  const old = notebook.cells[position];
  if (!old || !isReplaceable(old, cell.cell_type)) {
    return null;
  }
  let id = old.id;
  stepOf(notebook, old, () => {
    if (old.cell_type === cell.cell_type) {
      old.setSource(cell.source);
    } else {
      // A cell cannot change its type, so another one takes its place.
      notebook.deleteCell(position);
      id = notebook.insertCell(position, toSharedCell(cell)).id;
    }
    const request = removed === cellId ? undefined : findCell(notebook, removed);
    if (request && isDeletable(request)) {
      notebook.deleteCell(indexOf(notebook, removed));
    }
  });
  return id;
}

/**
 * Change a notebook and a cell's source, as one step of the history of both.
 *
 * A cell has a history of its own, which is undone while it is edited; the notebook's, which is
 * undone otherwise, knows of sources only what is changed in a transaction of the notebook.
 */
function stepOf(notebook: ISharedNotebook, cell: ISharedCell, change: () => void): void {
  const { undoManager: whole } = notebook as IWithHistory;
  const { undoManager: own } = cell as IWithHistory;
  // What was done a moment ago is a step of its own.
  whole?.stopCapturing();
  if (own && own !== whole) {
    own.stopCapturing();
    own.addTrackedOrigin(notebook);
    notebook.transact(change);
    own.removeTrackedOrigin(notebook);
  } else {
    notebook.transact(change);
  }
}

/** Let what comes next be a step of its own in the history of a cell. */
export function beginStep(cell: ISharedCell): void {
  (cell as IWithHistory).undoManager?.stopCapturing();
}

/** What JupyterLab's own implementation has beyond its interface. */
interface IWithHistory {
  undoManager?: {
    stopCapturing(): void;
    addTrackedOrigin(origin: unknown): void;
    removeTrackedOrigin(origin: unknown): void;
  } | null;
}

/**
 * Return what a cell becomes by an answer that rewrites it.
 *
 * @param present - The cell's source as it is now.
 * @param rewrite - What it was when the answer was asked for.
 * @param source - What it is to be, with the marks of hidden lines in it.
 * @returns the new source with the hidden lines in it; null if the cell is not what it was, or
 *   if one of them would be lost.
 */
export function rewrittenSource(
  present: string,
  rewrite: ResultRewrite,
  source: string
): string | null {
  const kept = hiddenLines(present, rewrite);
  if (kept === null || !keepsMarks(source, rewrite)) {
    return null;
  }
  let number = 0;
  return source
    .split('\n')
    .map(line => (line === rewrite.hidden[number]?.mark ? (kept[number++] ?? line) : line))
    .join('\n');
}

/** Whether a source holds every mark of hidden lines, once and in order. */
export function keepsMarks(source: string, { hidden }: ResultRewrite): boolean {
  const marks = hidden.map(({ mark }) => mark);
  const found = source.split('\n').filter(line => marks.includes(line));
  return found.length === marks.length && found.every((line, number) => line === marks[number]);
}

/** Whether a cell's source is what it was when the answer was asked for. */
export function isUnchanged(present: string, rewrite: ResultRewrite): boolean {
  return hiddenLines(present, rewrite) !== null;
}

function flagOf(notebook: ISharedNotebook, name: string): boolean | null {
  const value = metadataOf(notebook)[name];
  return typeof value === 'boolean' ? value : null;
}

function setFlag(notebook: ISharedNotebook, name: string, value: boolean | null): void {
  const entries = Object.entries({ ...metadataOf(notebook), [name]: value });
  const metadata = Object.fromEntries(
    entries.filter(([key, kept]) => key !== name || kept !== null)
  );
  if (Object.keys(metadata).length > 0) {
    notebook.setMetadata(METADATA_KEY, metadata);
  } else {
    notebook.deleteMetadata(METADATA_KEY);
  }
}

function metadataOf(notebook: ISharedNotebook): Record<string, JSONValue> {
  const value = notebook.getMetadata(METADATA_KEY) as JSONValue | undefined;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** Return what the marks stand for, or null if `present` is not what the cell was. */
function hiddenLines(present: string, { before, hidden }: ResultRewrite): string[] | null {
  const lines = present.split('\n');
  const kept: string[] = [];
  let position = 0;
  for (const line of before.split('\n')) {
    const next = hidden[kept.length];
    if (next && line === next.mark) {
      kept.push(lines.slice(position, position + next.count).join('\n'));
      position += next.count;
    } else if (lines[position] === line) {
      position += 1;
    } else {
      return null;
    }
  }
  return position === lines.length && kept.length === hidden.length ? kept : null;
}

/** Return the id of a cell that was made of this block and not changed since, or null. */
export function findInserted(notebook: ISharedNotebook, wanted: INewCell): string | null {
  const { origin, source } = wanted;
  const found = notebook.cells.find(cell => {
    const kept = cell.getMetadata(METADATA_KEY) as Partial<Origin> | undefined;
    return (
      kept !== undefined &&
      kept.cell_id === origin?.cell_id &&
      kept.prompt_sha256 === origin?.prompt_sha256 &&
      kept.block === origin?.block &&
      cell.getSource() === source
    );
  });
  return found?.id ?? null;
}

/** Return the block's source under the request that led to it, as a comment. */
export function withPrompt(block: ResultBlock, prompt: string): string {
  const [open, close] = COMMENTS[block.cell_type === 'markdown' ? 'markdown' : block.language] ?? [
    '# ',
    ''
  ];
  const comment = prompt
    .trim()
    // Python ends a comment at a carriage return as well.
    .split(/\r\n?|\n/)
    .map(line => `${open}${close ? line.replaceAll(close.trim(), '') : line}${close}`.trimEnd())
    .join('\n');
  // A cell magic has to stay the first line.
  const [, magic = '', body = block.source] = /^(%%[^\n]*\n)([\s\S]*)$/.exec(block.source) ?? [];
  return `${magic}${comment}\n${body}`;
}

const COMMENTS: Record<string, [string, string]> = {
  css: ['/* ', ' */'],
  html: ['<!-- ', ' -->'],
  javascript: ['// ', ''],
  latex: ['% ', ''],
  markdown: ['<!-- ', ' -->'],
  sql: ['-- ', ''],
  svg: ['<!-- ', ' -->']
};

function describeCell(cell: ISharedCell): Cell {
  const type = cell.cell_type;
  return {
    id: cell.id,
    type: type === 'code' || type === 'markdown' ? type : 'raw',
    source: cell.getSource(),
    execution_count: isCode(cell) ? (cell.execution_count ?? null) : null,
    is_cut: false
  };
}

/** Whether a cell shows that it has failed; to be interrupted is no failure. */
export function showsError(cell: ISharedCell): boolean {
  const error = errorOf(cell);
  return error !== null && error.ename !== 'KeyboardInterrupt';
}

function errorOf(cell: ISharedCell | undefined): CellError | null {
  const outputs = cell && isCode(cell) ? cell.getOutputs() : [];
  const error = outputs.find(output => output.output_type === 'error');
  if (!error) {
    return null;
  }
  const { ename, evalue, traceback } = error;
  const lines = Array.isArray(traceback) ? traceback.join('\n') : '';
  return {
    ename: typeof ename === 'string' ? withoutMiddle(ename) : '',
    evalue: typeof evalue === 'string' ? withoutMiddle(evalue) : '',
    traceback: withoutMiddle(lines)
  };
}

/** Return a text that is not too long: its beginning and its end, as whole characters. */
function withoutMiddle(text: string): string {
  if (text.length <= MAX_TRACEBACK_CHARACTERS) {
    return text;
  }
  const half = MAX_TRACEBACK_CHARACTERS / 2 - 1;
  const head = text.slice(0, half).replace(/[\uD800-\uDBFF]$/, '');
  return `${head}\n${text.slice(-half).replace(/^[\uDC00-\uDFFF]/, '')}`;
}

function isCode(cell: ISharedCell): cell is ISharedCodeCell {
  return cell.cell_type === 'code';
}

function cut(cell: Cell, left: number): void {
  const limit = Math.min(MAX_CELL_CHARACTERS, left);
  if (cell.source.length > limit) {
    // Half of a surrogate pair is not valid text, so it is dropped as well.
    cell.source = cell.source.slice(0, limit).replace(/[\uD800-\uDBFF]$/, '');
    cell.is_cut = true;
  }
}

function toSharedCell(cell: INewCell) {
  return {
    cell_type: cell.cell_type,
    source: cell.source,
    metadata: cell.origin ? { [METADATA_KEY]: cell.origin } : {}
  };
}
