/** The cells that the commands insert. */

import { describe, expect, it } from 'vitest';

import { askCells, editCells, explainCells, fixCells, isRequest } from '../src/magicCells';

const CELL = { cellId: 'c4', source: 'def f():\n    pass', selection: '', isCode: true };

describe('a kernel with the extension', () => {
  it('is asked with a cell magic', () => {
    expect(askCells(' plot it\nin red ', true)).toEqual(['%%codeface\nplot it\nin red']);
  });

  it.each(['df', 'df.columns', 'frames[0].index', "d['a b']"])('explains the name %s', name => {
    expect(explainCells({ ...CELL, selection: name }, true)).toEqual([`%codeface_explain ${name}`]);
  });

  it('explains a whole cell by its id', () => {
    expect(explainCells(CELL, true)).toEqual(['%codeface_explain --id c4']);
  });

  it('explains code that has no name', () => {
    const subject = { ...CELL, selection: 'for x in y:\n    z' };
    expect(explainCells(subject, true)).toEqual(['%%codeface_explain\nfor x in y:\n    z']);
  });

  it('explains words as such, and takes none of them for a name', () => {
    const subject = { ...CELL, isCode: false, selection: 'heteroscedasticity' };
    expect(explainCells(subject, true)).toEqual([
      '%%codeface_explain --markdown\nheteroscedasticity'
    ]);
    expect(explainCells({ ...subject, selection: '' }, true)).toEqual([
      '%codeface_explain --id c4'
    ]);
  });

  it.each([
    [' use a\n loop ', 'use a loop'],
    ['2 decimals only please', '2 decimals only please'],
    ['-1 instead of 1', '-- -1 instead of 1'],
    ['add a --seed option', '-- add a --seed option'],
    ['the half-life', 'the half-life']
  ])('edits the cell that was selected, by one line: %s', (wish, written) => {
    expect(editCells(wish, CELL, true)).toEqual([`%codeface_edit --id c4 ${written}`]);
  });

  it('fixes the error of the cell beside which the button is', () => {
    expect(fixCells(CELL, true)).toEqual(['%codeface_fix --id c4']);
  });

  it('is given the beginning of a long id', () => {
    const cell = { ...CELL, cellId: '3f2a9c1e-8b1d-4c5e-9f00-0123456789ab' };
    expect(fixCells(cell, true)).toEqual(['%codeface_fix --id 3f2a9c1e']);
    expect(editCells('use a loop', cell, true)).toEqual([
      '%codeface_edit --id 3f2a9c1e use a loop'
    ]);
    expect(explainCells(cell, true)).toEqual(['%codeface_explain --id 3f2a9c1e']);
  });
});

describe('a kernel without the extension', () => {
  it('loads it first, in a cell of its own before a cell magic', () => {
    expect(askCells('plot it', false)).toEqual([
      '%load_ext codeface_jupyter',
      '%%codeface\nplot it'
    ]);
  });

  it('loads it before a part of a cell is explained', () => {
    expect(explainCells({ ...CELL, selection: 'f(1)' }, false)).toEqual([
      '%load_ext codeface_jupyter',
      '%%codeface_explain\nf(1)'
    ]);
  });

  it('loads it in the same cell as a line magic', () => {
    expect(fixCells(CELL, false)).toEqual(['%load_ext codeface_jupyter\n%codeface_fix --id c4']);
  });
});

describe('a cell that failed', () => {
  it.each([
    '%%codeface\nplot it',
    '\n\n%%codeface_batch\nplot it\n\nx = 1',
    '%%time\n%%codeface\nplot it',
    '%%capture out\n\n%%codeface\nplot it',
    '# a comment\n%%codeface\nplot it',
    '%codeface_models pull x',
    '# a comment\n%codeface_fix 3\n\n',
    'answer = %codeface plot it',
    '%codeface plot it \\\n    in red',
    '%codeface plot it\n%codeface_edit make it red',
    '%config CodeFace.model = "x"\n%codeface plot it',
    ...fixCells(CELL, false)
  ])('has nothing to be repaired in it if it only asks: %s', source =>
    expect(isRequest(source)).toBe(true)
  );

  it.each([
    '1 / 0',
    'print("%codeface")',
    '# %codeface plot it',
    '%load_ext codeface_jupyter',
    '%%time\n1 / 0',
    '%codeface_edit --id t make it 2\nscores = grade(papers)',
    '%load_ext codeface_jupyter\n%codeface plot it\nx = 1',
    '%%time\n%codeface plot it\nx = 1',
    'x = 1\n%codeface plot it',
    '%codeface plot it \\\n    in red\nx = 1',
    '%codeface plot it\n# a comment \\\nx = 1',
    '%matplotlib inline\n%codeface plot it'
  ])("is repaired if it is the user's own: %s", source => expect(isRequest(source)).toBe(false));
});
