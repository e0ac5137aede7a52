/** The magic cells that commands insert: pure text. */

/** The code cell that a command is about. */
export interface ISubject {
  source: string;
  /** The selected part of the source; empty if nothing is. */
  selection: string;
  executionCount: number | null;
}

const LOAD = '%load_ext codeface_jupyter';
const NAME = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[[^\n[\]]*\])*$/;

/** The cells that ask for what `request` says. */
export function askCells(request: string, isLoaded: boolean): string[] {
  const cell = `%%codeface\n${request.trim()}`;
  // A cell magic has to be the first line, so loading takes a cell of its own.
  return isLoaded ? [cell] : [LOAD, cell];
}

/** The cells that explain the selection if there is one, else the whole cell. */
export function explainCells(subject: ISubject, isLoaded: boolean): string[] {
  const selection = subject.selection.trim();
  if (NAME.test(selection)) {
    return lineMagic(`%codeface_explain ${selection}`, isLoaded);
  }
  if (!selection && subject.executionCount !== null) {
    return lineMagic(`%codeface_explain In[${subject.executionCount}]`, isLoaded);
  }
  return askCells(`Explain this code:\n\n${selection || subject.source.trim()}`, isLoaded);
}

/** The cells that repair the last error, or the one of a given execution. */
export function fixCells(executionCount: number | null, isLoaded: boolean): string[] {
  return lineMagic(`%codeface_fix ${executionCount ?? ''}`.trim(), isLoaded);
}

/** The cells that rewrite the one above them. */
export function editCells(instruction: string, isLoaded: boolean): string[] {
  return lineMagic(`%codeface_edit ${instruction.trim().replace(/\s+/g, ' ')}`, isLoaded);
}

function lineMagic(magic: string, isLoaded: boolean): string[] {
  return [isLoaded ? magic : `${LOAD}\n${magic}`];
}
