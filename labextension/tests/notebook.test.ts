/** Reading and changing a notebook, on JupyterLab's own shared model. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { YNotebook } from '@jupyter/ydoc';
import { beforeEach, describe, expect, it } from 'vitest';

import {
  asksInRunAll,
  describeCells,
  findInserted,
  hasGhostText,
  insertBelow,
  replaceCell,
  rewrittenSource,
  setAsksInRunAll,
  setGhostText,
  withPrompt
} from '../src/notebook';
import {
  MAX_CELL_CHARACTERS,
  MAX_CELL_ERRORS,
  MAX_CELLS,
  MAX_NOTEBOOK_CHARACTERS,
  MAX_TRACEBACK_CHARACTERS,
  type ResultRewrite
} from '../src/protocol';

const CODE = { cell_type: 'code' as const, source: 'z = 3' };
const ORIGIN = { cell_id: 'a', prompt_sha256: '0'.repeat(64), block: 0, model: 'm', engine: 'e' };

let notebook: YNotebook;

function fill(...cells: [string, string, string][]): void {
  notebook.insertCells(
    0,
    cells.map(([id, cell_type, source]) => ({ id, cell_type, source, metadata: {} }))
  );
  notebook.clearUndoHistory();
}

function sources(): string[] {
  return notebook.cells.map(cell => cell.getSource());
}

beforeEach(() => {
  notebook = new YNotebook();
});

describe('describeCells', () => {
  it('gives every cell in document order', () => {
    fill(['a', 'markdown', '# Title'], ['b', 'code', 'x = 1'], ['c', 'raw', 'r']);
    expect(describeCells(notebook, 'b')).toEqual([
      { id: 'a', type: 'markdown', source: '# Title', execution_count: null, is_cut: false },
      { id: 'b', type: 'code', source: 'x = 1', execution_count: null, is_cut: false },
      { id: 'c', type: 'raw', source: 'r', execution_count: null, is_cut: false }
    ]);
  });

  it('cuts a huge cell and says so', () => {
    fill(['a', 'code', 'x'.repeat(5_000_000)]);
    const [cell] = describeCells(notebook, 'a');
    expect(cell?.source.length).toBe(MAX_CELL_CHARACTERS);
    expect(cell?.is_cut).toBe(true);
  });

  it('never cuts a character in two', () => {
    fill(['a', 'code', `${'x'.repeat(MAX_CELL_CHARACTERS - 1)}🐼`]);
    expect(describeCells(notebook, 'a')[0]?.source).toBe('x'.repeat(MAX_CELL_CHARACTERS - 1));
  });

  it('keeps the cells near the asking one when the notebook is too long', () => {
    const long = 'x'.repeat(MAX_CELL_CHARACTERS);
    fill(
      ...Array.from({ length: 30 }, (_, n): [string, string, string] => [`c${n}`, 'code', long])
    );
    const cells = describeCells(notebook, 'c29');
    const total = cells.reduce((sum, cell) => sum + cell.source.length, 0);
    expect(total).toBe(MAX_NOTEBOOK_CHARACTERS);
    expect(cells[29]?.is_cut).toBe(false);
    expect(cells[0]).toMatchObject({ source: '', is_cut: true });
  });

  it('keeps the asking cell among too many cells', () => {
    fill(
      ...Array.from({ length: MAX_CELLS + 10 }, (_, n): [string, string, string] => [
        `c${n}`,
        'code',
        ''
      ])
    );
    for (const asking of ['c0', 'c2600', `c${MAX_CELLS + 9}`]) {
      const cells = describeCells(notebook, asking);
      expect(cells.length).toBe(MAX_CELLS);
      expect(cells.some(cell => cell.id === asking)).toBe(true);
    }
  });
});

describe('insertBelow', () => {
  it('puts cells right under the asking one, and one undo takes them back', () => {
    fill(['a', 'code', 'ask'], ['b', 'code', 'last']);
    const ids = insertBelow(notebook, 'a', [CODE, { cell_type: 'markdown', source: '# M' }]);
    expect(sources()).toEqual(['ask', 'z = 3', '# M', 'last']);
    expect(notebook.cells.slice(1, 3).map(cell => cell.id)).toEqual(ids);
    notebook.undo();
    expect(sources()).toEqual(['ask', 'last']);
  });

  it('does nothing when the asking cell is gone', () => {
    fill(['a', 'code', 'ask']);
    expect(insertBelow(notebook, 'deleted', [CODE])).toEqual([]);
    expect(sources()).toEqual(['ask']);
  });
});

describe('replaceCell', () => {
  it('changes the source in place, and undo brings the request back', () => {
    fill(['a', 'code', 'ask'], ['b', 'code', 'last']);
    expect(replaceCell(notebook, 'a', CODE)).toBe('a');
    expect(sources()).toEqual(['z = 3', 'last']);
    notebook.undo();
    expect(sources()).toEqual(['ask', 'last']);
  });

  it('makes a cell of another type in one step', () => {
    fill(['a', 'code', 'ask'], ['b', 'code', 'last']);
    const id = replaceCell(notebook, 'a', { cell_type: 'markdown', source: '# M' });
    expect(notebook.cells[0]).toMatchObject({ id, cell_type: 'markdown' });
    expect(sources()).toEqual(['# M', 'last']);
    notebook.undo();
    expect(sources()).toEqual(['ask', 'last']);
  });

  it('does nothing when the cell is gone', () => {
    fill(['a', 'code', 'ask']);
    expect(replaceCell(notebook, 'deleted', CODE)).toBeNull();
  });
});

describe('findInserted', () => {
  const wanted = { ...CODE, origin: ORIGIN };

  it('knows the cell that a block became', () => {
    fill(['a', 'code', 'ask']);
    const [id] = insertBelow(notebook, 'a', [wanted]);
    expect(findInserted(notebook, wanted)).toBe(id);
    expect(findInserted(notebook, { ...wanted, origin: { ...ORIGIN, block: 1 } })).toBeNull();
    expect(findInserted(notebook, { ...wanted, origin: { ...ORIGIN, cell_id: 'b' } })).toBeNull();
  });

  it('takes a cell that the user changed for the user’s own', () => {
    fill(['a', 'code', 'ask']);
    insertBelow(notebook, 'a', [wanted]);
    notebook.getCell(1).setSource('z = 4');
    expect(findInserted(notebook, wanted)).toBeNull();
  });

  it('does not mistake cells of other origins', () => {
    fill(['a', 'code', 'z = 3']);
    notebook.getCell(0).setMetadata('codeface', 'nonsense');
    expect(findInserted(notebook, wanted)).toBeNull();
  });
});

describe('withPrompt', () => {
  const block = { cell_type: 'code' as const, code: '', is_closed: true };

  it.each([
    ['python', 'x = 1', 'two\nlines', '# two\n# lines\nx = 1'],
    ['python', 'x = 1', 'three\rmore\r\nlines', '# three\n# more\n# lines\nx = 1'],
    ['bash', '%%bash\nls', 'list', '%%bash\n# list\nls'],
    ['sql', '%%sql\nSELECT 1', 'one', '%%sql\n-- one\nSELECT 1'],
    ['html', '%%html\n<p>', 'a --> b', '%%html\n<!-- a  b -->\n<p>']
  ])('comments in %s', (language, source, prompt, expected) => {
    expect(withPrompt({ ...block, language, source }, prompt)).toBe(expected);
  });
});

describe('a cell that an answer rewrites', () => {
  interface IExample {
    present: string;
    rewrite: ResultRewrite;
    source: string;
    replaced: string;
  }
  const path = join(__dirname, '..', '..', 'tests', 'data', 'protocol', 'rewrites.json');
  const examples = JSON.parse(readFileSync(path, 'utf-8')) as Record<string, IExample>;

  it.each(Object.entries(examples))('keeps the lines that were not sent: %s', (_, example) => {
    const { present, rewrite, source, replaced } = example;
    expect(rewrittenSource(present, rewrite, source)).toBe(replaced);
    expect(rewrittenSource(present, rewrite, rewrite.before)).toBe(present);
  });

  it.each(Object.entries(examples))('is left alone when it was changed: %s', (_, example) => {
    const { present, rewrite, source } = example;
    const other = present.replace('(1)', '(3)').replace('x = 1', 'x = 3');
    for (const changed of ['', `${present}\n`, `#\n${present}`, other]) {
      expect(rewrittenSource(changed, rewrite, source)).toBeNull();
    }
  });
});

describe('hidden lines', () => {
  const mark = '# (a line with a secret was left out)';
  const inner = `    ${mark}`;
  const rewrite = {
    before: `${mark}\nx = 1\nif x:\n${inner}`,
    hidden: [
      { mark, count: 1 },
      { mark: inner, count: 1 }
    ],
    is_offered: true
  };
  const present = "key = 'a'\nx = 1\nif x:\n    key = 'b'";

  it.each([
    ['all left out', 'x = 2'],
    ['the first left out', `x = 2\nif x:\n${inner}`],
    ['the last left out', `${mark}\nx = 2`],
    ['moved', `if x:\n${inner}\n${mark}`],
    ['doubled', `${mark}\n${mark}\nif x:\n${inner}`]
  ])('are not lost, nor is a mark left in their place: %s', (_, source) => {
    expect(rewrittenSource(present, rewrite, source)).toBeNull();
  });
});

describe('the error of a cell', () => {
  const ERROR = {
    output_type: 'error',
    ename: 'E',
    evalue: 'e',
    traceback: ['Cell In[2], line 1', '1 / 0']
  };

  function failing(id: string) {
    return { id, cell_type: 'code', source: '1 / 0', metadata: {}, outputs: [ERROR] };
  }

  it('goes along where it is near', () => {
    notebook.insertCells(0, [failing('a'), { ...CODE, id: 'b', metadata: {} }]);
    const [first, second] = describeCells(notebook, 'b');
    expect(first?.error).toEqual({
      ename: 'E',
      evalue: 'e',
      traceback: 'Cell In[2], line 1\n1 / 0'
    });
    expect(second?.error).toBeUndefined();
  });

  it('stays where it is far, and is cut where it is long', () => {
    const long = { ...failing('long'), outputs: [{ ...ERROR, traceback: ['x'.repeat(50_000)] }] };
    notebook.insertCells(0, [long, ...Array.from({ length: 20 }, (_, n) => failing(`c${n}`))]);
    const errors = describeCells(notebook, 'long').filter(cell => cell.error);
    expect(errors).toHaveLength(MAX_CELL_ERRORS);
    expect(errors[0]?.error?.traceback.length).toBeLessThanOrEqual(MAX_TRACEBACK_CHARACTERS);
  });
});

describe('a cell that is replaced, where each cell has a history of its own', () => {
  beforeEach(() => {
    notebook = YNotebook.create({ disableDocumentWideUndoRedo: true });
    fill(['a', 'code', '1 / 0'], ['asks', 'code', '%codeface_fix']);
    insertBelow(notebook, 'asks', [CODE]);
  });

  it('is brought back by the undo of the notebook, which leaves an earlier insertion alone', () => {
    replaceCell(notebook, 'a', { cell_type: 'code', source: '1 / 1' });
    expect(sources()).toEqual(['1 / 1', '%codeface_fix', 'z = 3']);
    notebook.undo();
    expect(sources()).toEqual(['1 / 0', '%codeface_fix', 'z = 3']);
    notebook.redo();
    expect(sources()[0]).toBe('1 / 1');
  });

  it('is brought back by the undo of the cell as well', () => {
    replaceCell(notebook, 'a', { cell_type: 'code', source: '1 / 1' });
    notebook.cells[0]?.undo();
    expect(sources()).toEqual(['1 / 0', '%codeface_fix', 'z = 3']);
  });

  it('keeps its own history', () => {
    notebook.cells[0]?.setSource('2 / 0');
    replaceCell(notebook, 'a', { cell_type: 'code', source: '1 / 1' });
    notebook.cells[0]?.undo();
    expect(sources()[0]).toBe('2 / 0');
    notebook.cells[0]?.undo();
    expect(sources()[0]).toBe('1 / 0');
  });

  it('takes the request with it in the same step', () => {
    replaceCell(notebook, 'a', { cell_type: 'code', source: '1 / 1' }, 'asks');
    expect(sources()).toEqual(['1 / 1', 'z = 3']);
    notebook.undo();
    expect(sources()).toEqual(['1 / 0', '%codeface_fix', 'z = 3']);
  });
});

describe('a locked cell', () => {
  beforeEach(() => {
    fill(['a', 'code', '1 / 0'], ['asks', 'code', '%codeface_fix']);
  });

  it('is not replaced', () => {
    notebook.cells[0]?.setMetadata('editable', false);
    expect(replaceCell(notebook, 'a', { cell_type: 'code', source: '1 / 1' }, 'asks')).toBeNull();
    expect(sources()).toEqual(['1 / 0', '%codeface_fix']);
  });

  it('is not deleted, neither for a cell of another type nor as a request', () => {
    notebook.cells.forEach(cell => cell.setMetadata('deletable', false));
    expect(replaceCell(notebook, 'a', { cell_type: 'markdown', source: 'Hi' })).toBeNull();
    expect(replaceCell(notebook, 'a', { cell_type: 'code', source: '1 / 1' }, 'asks')).toBe('a');
    expect(sources()).toEqual(['1 / 1', '%codeface_fix']);
  });
});

describe('whether requests are answered in Run All', () => {
  beforeEach(() => {
    notebook = YNotebook.create();
  });

  it('is kept in the metadata, beside what else is there', () => {
    notebook.setMetadata('codeface', { other: 1 });
    expect(asksInRunAll(notebook)).toBeNull();
    setAsksInRunAll(notebook, false);
    expect(asksInRunAll(notebook)).toBe(false);
    expect(notebook.getMetadata('codeface')).toEqual({ other: 1, ask_in_run_all: false });
    setAsksInRunAll(notebook, null);
    expect(notebook.getMetadata('codeface')).toEqual({ other: 1 });
  });

  it('is not said by metadata that somebody else has made of it', () => {
    notebook.setMetadata('codeface', 'no');
    expect(asksInRunAll(notebook)).toBeNull();
  });
});

describe('whether a notebook has ghost text', () => {
  beforeEach(() => {
    notebook = YNotebook.create();
  });

  it('is kept in the metadata, which go when nothing is said any more', () => {
    expect(hasGhostText(notebook)).toBeNull();
    setGhostText(notebook, false);
    setAsksInRunAll(notebook, true);
    expect(hasGhostText(notebook)).toBe(false);
    setAsksInRunAll(notebook, null);
    expect(notebook.getMetadata('codeface')).toEqual({ ghost_text: false });
    setGhostText(notebook, null);
    expect(notebook.getMetadata('codeface')).toBeUndefined();
  });
});
