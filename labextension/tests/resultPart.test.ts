/** What an answer can do in the notebook that shows it. */

import { YNotebook } from '@jupyter/ydoc';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { IBridges } from '../src/openNotebooks';
import type { ResultData } from '../src/protocol';
import { ResultPart } from '../src/resultPart';
import { Settings } from '../src/settings';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/apputils', () => ({}));
vi.mock('@jupyterlab/notebook', () => ({ NotebookActions: { focusActiveCell: vi.fn() } }));

const further = {
  openField: vi.fn(),
  tryAgain: () => Promise.resolve('tried'),
  goOn: () => Promise.resolve('gone on')
};

/** A notebook in a panel, with an answer in its first cell. */
function answerInCell(notebook: YNotebook, data: object, settings = new Settings()): ResultPart {
  const node = document.createElement('div');
  const widgets = notebook.cells.map(({ id }) => ({
    node: document.createElement('div'),
    model: { id }
  }));
  const panelNode = document.createElement('div');
  panelNode.append(...widgets.map(cell => cell.node));
  widgets[0]?.node.append(node);
  const content = { widgets, deselectAll: vi.fn(), scrollToItem: () => Promise.resolve() };
  const panel = { node: panelNode, content, context: { model: { sharedModel: notebook } } };
  const tracker = {
    forEach: (visit: (panel: object) => void) => visit(panel)
  } as unknown as INotebookTracker;
  const block = { cell_type: 'code', source: 'df.plot()', code: 'df.plot()', language: 'python' };
  const asked = { blocks: [block], cell_id: null, replaces_cell_id: null, record: {} };
  return new ResultPart({
    kind: 'block',
    data: { ...asked, prompt: 'plot it', ...data } as unknown as ResultData,
    numbers: [0],
    node,
    further,
    bridges: {} as IBridges,
    settings,
    tracker,
    trans: ENGLISH
  });
}

function notebookOf(...sources: string[]): YNotebook {
  const notebook = YNotebook.create({ disableDocumentWideUndoRedo: true });
  notebook.insertCells(
    0,
    sources.map((source, number) => ({ id: `c${number}`, cell_type: 'code', source, metadata: {} }))
  );
  return notebook;
}

function sourcesOf(notebook: YNotebook): string[] {
  return notebook.cells.map(cell => cell.getSource());
}

describe('an answer in its notebook', () => {
  let bridge: { isLive: boolean; knows: (answerId: string) => boolean };
  let node: HTMLElement;

  /** An answer in the first cell of a notebook, or in none. */
  function answer(holds: boolean): ResultPart {
    const cell = { node: document.createElement('div'), model: { id: 'c1' } };
    if (holds) {
      cell.node.append(node);
    }
    const panel = { node: cell.node, content: { widgets: [cell] } };
    const tracker = {
      forEach: (visit: (panel: object) => void) => visit(panel),
      find: (matches: (panel: object) => boolean) => (matches(panel) ? panel : undefined)
    } as unknown as INotebookTracker;
    const bridges = {
      of: (found: object | null) => (found ? bridge : null)
    } as unknown as IBridges;
    const data = { cell_id: null, answer_id: 'known' } as ResultData;
    const shown = { kind: 'answer' as const, data, numbers: [], node, further };
    return new ResultPart({ ...shown, bridges, settings: new Settings(), tracker, trans: ENGLISH });
  }

  beforeEach(() => {
    bridge = { isLive: true, knows: id => id === 'known' };
    node = document.createElement('div');
  });

  it('can ask its kernel for more', () => {
    expect(answer(true).canAskMore).toBe(true);
  });

  it('cannot when the kernel is not there, or outside of a notebook', () => {
    expect(answer(false).canAskMore).toBe(false);
    bridge.isLive = false;
    expect(answer(true).canAskMore).toBe(false);
  });

  it('says what to do where its kernel does not know it', () => {
    expect(answer(true).askObstacle).toBeNull();
    bridge.knows = () => false;
    expect(answer(true).askObstacle).toBe(
      'This kernel no longer knows this answer: run its cell again'
    );
  });

  it('leaves the asking to what shows the answers', async () => {
    const part = answer(true);
    part.openField();
    expect(further.openField).toHaveBeenCalledOnce();
    expect([await part.tryAgain(), await part.goOn()]).toEqual(['tried', 'gone on']);
  });
});

describe('an answer that rewrites a cell', () => {
  it.each([
    ['x = 2', true, true],
    ['x = 1', true, false],
    ['x = 2', false, false]
  ])('that makes it %s, offered: %s, may take its place: %s', (source, is_offered, expected) => {
    const rewrite = { before: 'x = 1', hidden: [], is_offered };
    const data = { blocks: [{ source }], rewrite } as unknown as ResultData;
    const unused = { further, bridges: {} as IBridges, tracker: {} as INotebookTracker };
    const node = document.createElement('div');
    const part = {
      kind: 'block' as const,
      data,
      numbers: [0],
      node,
      settings: new Settings(),
      trans: ENGLISH
    };
    const { isReplaceable, isReplacement } = new ResultPart({ ...part, ...unused });
    expect([isReplaceable, isReplacement]).toEqual([expected, expected]);
  });

  it.each([
    ['x = 1', 'x = 1', true],
    ['x = 1\n', 'x = 1', true],
    ['x = 2', 'x = 1', false],
    ['x = 1', ' x = 1', false],
    ['x = 1', null, false]
  ])('whose code is %j repeats a cell that was %j: %s', (source, before, expected) => {
    const rewrite = before === null ? null : { before, hidden: [], is_offered: true };
    const data = { blocks: [{ source }], rewrite } as unknown as ResultData;
    const unused = { further, bridges: {} as IBridges, tracker: {} as INotebookTracker };
    const node = document.createElement('div');
    const settings = new Settings();
    const options = { kind: 'block' as const, data, numbers: [0], node, settings, trans: ENGLISH };
    const part = new ResultPart({ ...options, ...unused });
    expect(part.repeatsCell).toBe(expected);
    expect(part.isReplaceable).toBe(!expected);
  });

  it('whose code only repeats other cells is offered nowhere', () => {
    const rewrite = { before: 'x = 1', hidden: [], is_offered: false, only_repeats: true };
    const data = { blocks: [{ source: 'y = 2' }], rewrite } as unknown as ResultData;
    const unused = { further, bridges: {} as IBridges, tracker: {} as INotebookTracker };
    const node = document.createElement('div');
    const settings = new Settings();
    const options = { kind: 'block' as const, data, numbers: [0], node, settings, trans: ENGLISH };
    const part = new ResultPart({ ...options, ...unused });
    expect([part.repeatsCell, part.isReplaceable]).toEqual([true, false]);
  });

  it.each([
    ['# (hidden)\nx = 2', true],
    ['x = 2', false]
  ])('with a hidden line may take its place only if it keeps that: %s', (source, expected) => {
    const hidden = [{ mark: '# (hidden)', count: 1 }];
    const rewrite = { before: '# (hidden)\nx = 1', hidden, is_offered: true };
    const data = { blocks: [{ source }], rewrite } as unknown as ResultData;
    const unused = { further, bridges: {} as IBridges, tracker: {} as INotebookTracker };
    const node = document.createElement('div');
    const settings = new Settings();
    const part = { kind: 'block' as const, data, numbers: [0], node, settings, trans: ENGLISH };
    expect(new ResultPart({ ...part, ...unused }).isReplaceable).toBe(expected);
  });
});

describe('an answer among others', () => {
  it.each([
    [false, true],
    [true, false]
  ])('if it is: %s, may take the place of what asked: %s', (isOneOfMany, expected) => {
    const unused = { further, bridges: {} as IBridges, tracker: {} as INotebookTracker };
    const data = { blocks: [{ source: 'x' }] } as unknown as ResultData;
    const node = document.createElement('div');
    const settings = new Settings();
    const part = { kind: 'block' as const, data, numbers: [0], node, settings, trans: ENGLISH };
    expect(new ResultPart({ ...part, ...unused, isOneOfMany }).isReplaceable).toBe(expected);
  });
});

describe('the cell that asked', () => {
  it.each([
    ['%%codeface\nplot it', 'df.plot()'],
    ['%codeface plot it', 'df.plot()'],
    ['answer = %codeface plot it', 'df.plot()'],
    ['%codeface plot {what}', 'df.plot()'],
    ['%load_ext codeface_jupyter\n%codeface plot it', '%load_ext codeface_jupyter\ndf.plot()'],
    ['df = df.dropna()\n%codeface plot it', 'df = df.dropna()\ndf.plot()'],
    ['%codeface plot it\nscores = 1\n', 'df.plot()\nscores = 1\n'],
    ['x = 1\n%codeface plot \\\n  it\ny = 2', 'x = 1\ndf.plot()\ny = 2'],
    ['x = 1\n%codeface sum it\n%codeface -n 9 plot it ', 'x = 1\n%codeface sum it\ndf.plot()']
  ])('gives the place of the request to the code: %s', (source, expected) => {
    const notebook = notebookOf(source);
    const part = answerInCell(notebook, {});
    expect(part.replaceObstacle).toBeNull();
    expect(part.replace()).toBe('c0');
    expect(sourcesOf(notebook)).toEqual([expected]);
    notebook.undo();
    expect(sourcesOf(notebook)).toEqual([source]);
  });

  it.each([
    ['if x:\n    %codeface plot it\ny = 2', {}],
    ['x = 1\nanswer = %codeface plot it', {}],
    ['x = 1\n%codeface sum it\n%codeface draw it', {}],
    ['get_ipython().run_line_magic("codeface", "plot it")', {}],
    ['x = 1\n%codeface plot it', { blocks: [{ cell_type: 'code', source: '%%html\n<p>' }] }],
    ['x = 1\n%codeface plot it', { blocks: [{ cell_type: 'markdown', source: '# A title' }] }]
  ])('keeps the code of the user beside the request: %s', (source, data) => {
    const notebook = notebookOf(source);
    const part = answerInCell(notebook, data);
    expect(part.replaceObstacle).toBe(
      'This cell holds more than the request: insert the code below it'
    );
    expect(part.replace()).toBeNull();
    expect(sourcesOf(notebook)).toEqual([source]);
  });

  it.each(['%%codeface\nplot it', 'x = 1\n%codeface plot it\ny = 2'])(
    'takes another answer in the place of the first: %s',
    source => {
      const notebook = notebookOf(source);
      answerInCell(notebook, {}).replace();
      const blocks = [{ cell_type: 'code', source: 'df.hist()' }];
      const other = answerInCell(notebook, { blocks, prompt: 'as a histogram' });
      expect(other.replaceObstacle).toBeNull();
      other.replace();
      expect(sourcesOf(notebook)).toEqual([source.replace(/%+codeface\splot it/, 'df.hist()')]);
    }
  );

  it.each([
    [{ editable: false }, {}],
    [{ deletable: false }, { blocks: [{ cell_type: 'markdown', source: '# A title' }] }]
  ])('is not replaced where it is locked: %j', (metadata, data) => {
    const notebook = notebookOf('%%codeface\nplot it');
    notebook.cells[0]?.setMetadata(metadata);
    const part = answerInCell(notebook, data);
    expect(part.replaceObstacle).toBe('The cell to be replaced is locked');
    expect(part.replace()).toBeNull();
    expect(sourcesOf(notebook)).toEqual(['%%codeface\nplot it']);
  });

  it('keeps what the user has made of the first', () => {
    const notebook = notebookOf('%%codeface\nplot it');
    answerInCell(notebook, {}).replace();
    notebook.cells[0]?.setSource('df.plot(color="red")');
    expect(answerInCell(notebook, {}).replaceObstacle).not.toBeNull();
  });
});

describe('a request that is to go with the cell that it was about', () => {
  it.each([
    ['%codeface_edit --id c1 plot it', ['df.plot()']],
    [
      '%codeface_edit --id c1 plot it\nscores = 1',
      ['%codeface_edit --id c1 plot it\nscores = 1', 'df.plot()']
    ]
  ])('stays where its cell holds code of the user: %s', (request, expected) => {
    const notebook = notebookOf(request, 'x = 1');
    const settings = new Settings();
    vi.spyOn(settings, 'removeRequest', 'get').mockReturnValue(true);
    const rewrite = { before: 'x = 1', hidden: [], is_offered: true };
    answerInCell(notebook, { rewrite, replaces_cell_id: 'c1' }, settings).replace();
    expect(sourcesOf(notebook)).toEqual(expected);
  });
});
