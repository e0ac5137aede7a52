/** The magic cells that commands insert: pure text. */

/** The cell that a command is about. */
export interface ISubject {
  /** The notebook's own id: a number may be another kernel's. */
  cellId: string;
  source: string;
  /** The selected part of the source; empty if nothing is. */
  selection: string;
  /** Whether the source is code, not text. */
  isCode: boolean;
}

/** A line of a cell, and where it is. */
export interface ILine {
  text: string;
  start: number;
  end: number;
}

const LOAD = '%load_ext codeface_jupyter';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Cell magics whose body is the notebook's own Python, a request as well. */
const WRAPPERS = /^\s*(?:%%(?:capture|prun|python3?|time|timeit)\b[^\n]*\n\s*)*/;
const REQUEST_CELL = /^(?:\s*#[^\n]*\n)*\s*%%codeface/;
const REQUEST_LINE = /^\s*(?:[\w.,[\]'" ]+=\s*)?%codeface/;
/** A line that does nothing by itself, or only prepares a request. */
const IDLE_LINE = /^\s*(?:#.*|%(?:re)?load_ext\s+codeface_jupyter\b.*|%config\s+CodeFace.*)?$/;
const NAME = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[[^\n[\]]*\])*$/;

/** The cells that ask for what `request` says. */
export function askCells(request: string, isLoaded: boolean): string[] {
  return cellMagic(`%%codeface\n${request.trim()}`, isLoaded);
}

/** The cells that explain the selection if there is one, else the whole cell. */
export function explainCells(subject: ISubject, isLoaded: boolean): string[] {
  const { isCode } = subject;
  const selection = subject.selection.trim();
  if (!selection) {
    return lineMagic(`%codeface_explain --id ${shortId(subject.cellId)}`, isLoaded);
  }
  if (isCode && NAME.test(selection)) {
    return lineMagic(`%codeface_explain ${selection}`, isLoaded);
  }
  return cellMagic(`%%codeface_explain${isCode ? '' : ' --markdown'}\n${selection}`, isLoaded);
}

/** Whether a cell asks CodeFace and does nothing else: there is no code of the user's in it. */
export function isRequest(source: string): boolean {
  if (isRequestCell(source)) {
    return true;
  }
  const others = linesOf(source.replace(WRAPPERS, '')).filter(({ text }) => !IDLE_LINE.test(text));
  return others.length > 0 && others.every(({ text }) => REQUEST_LINE.test(text));
}

/** Whether a cell is one request, by a cell magic. */
export function isRequestCell(source: string): boolean {
  return REQUEST_CELL.test(source.replace(WRAPPERS, ''));
}

/** Return the lines of a cell that ask by themselves. */
export function requestLines(source: string): ILine[] {
  return linesOf(source).filter(({ text }) => REQUEST_LINE.test(text));
}

/** The cells that repair the error of a cell. */
export function fixCells({ cellId }: Pick<ISubject, 'cellId'>, isLoaded: boolean): string[] {
  return lineMagic(`%codeface_fix --id ${shortId(cellId)}`, isLoaded);
}

/** The cells that rewrite a cell. */
export function editCells(instruction: string, { cellId }: ISubject, isLoaded: boolean): string[] {
  const words = instruction.trim().replace(/\s+/g, ' ');
  // A word that begins with a dash might be taken for an option.
  const wish = /(^|\s)-/.test(words) ? `-- ${words}` : words;
  return lineMagic(`%codeface_edit --id ${shortId(cellId)} ${wish}`, isLoaded);
}

/** Return the beginning of a UUID, by which the kernel finds the cell too; other ids whole. */
function shortId(cellId: string): string {
  return UUID.test(cellId) ? cellId.slice(0, 8) : cellId;
}

/** Return the lines of a cell; what a backslash continues, which no comment is, is one of them. */
function linesOf(source: string): ILine[] {
  const found = source.matchAll(/^(?:(?![ \t]*#)(?:[^\n]*\\\n)+)?[^\n]+/gm);
  return [...found].map(({ 0: text, index: start }) => ({ text, start, end: start + text.length }));
}

function cellMagic(cell: string, isLoaded: boolean): string[] {
  // It has to begin with the magic, so loading takes a cell of its own.
  return isLoaded ? [cell] : [LOAD, cell];
}

function lineMagic(magic: string, isLoaded: boolean): string[] {
  return [isLoaded ? magic : `${LOAD}\n${magic}`];
}
