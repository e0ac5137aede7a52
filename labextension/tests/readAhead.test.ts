/** What is told of a question that is typed for a cell that is not there yet, and when. */

import { NotebookActions } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Cell, NotebookCells } from '../src/protocol';
import { ReadAhead, withQuestion } from '../src/readAhead';

vi.mock('@jupyterlab/notebook', async () => {
  const { Signal: Emitter } = await import('@lumino/signaling');
  return { NotebookActions: { executed: new Emitter({}) } };
});

function cell(id: string, source: string): Cell {
  return { id, type: 'code', source, execution_count: null, is_cut: false };
}

describe('a question for a new cell', () => {
  const cells = [cell('a', 'x = 1'), cell('b', 'x + 1'), cell('c', 'x + 2')];
  const notebook = { path: 'a.ipynb', asking: 'b', cells, answers: 'hints' as const };

  it('stands below the active one, and asks', () => {
    const found = withQuestion(notebook, ['%%codeface\nsum them']);

    expect(found.cells.map(({ source }) => source)).toEqual([
      'x = 1',
      'x + 1',
      '%%codeface\nsum them',
      'x + 2'
    ]);
    expect(found.cells.filter(({ id }) => id === found.asking)).toEqual([found.cells[2]]);
    expect(found.answers).toBe('hints');
  });

  it('takes the place of an empty one', () => {
    const found = withQuestion({ ...notebook, cells: [cell('a', 'x = 1'), cell('b', ' \n')] }, [
      '%%codeface\nsum'
    ]);

    expect(found.cells.map(({ source }) => source)).toEqual(['x = 1', '%%codeface\nsum']);
  });

  it('leaves the notebook as it is', () => {
    withQuestion(notebook, ['%%codeface\nsum them']);

    expect(notebook.cells).toBe(cells);
    expect(cells).toHaveLength(3);
  });
});

describe('what is typed in the dialog', () => {
  /** The questions that were sent, and how to answer the last one. */
  let sent: string[];
  let answer: (silence: string) => void;
  let fail: boolean;
  let isLive: boolean;
  let canLoad: boolean;
  let kernel: object | null;
  let readAhead: ReadAhead;
  /** The cell below which the last question was put. */
  let asking: string;
  let panel: object;
  let tracker: {
    activeCell: object;
    currentWidget: object;
    find(isIt: (one: object) => boolean): object | undefined;
  };
  const content = {};

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    fail = false;
    canLoad = true;
    const request = (_method: string, { cells }: NotebookCells) => {
      sent.push(cells.at(-1)?.source.replace('%%codeface\n', '') ?? '');
      return new Promise(resolve => (answer = silence => resolve({ silence })));
    };
    const cellsOf = (_: object, id: string) => {
      if (fail) {
        throw new Error('the panel is gone');
      }
      asking = id;
      return { path: 'a.ipynb', asking, cells: [cell(id, 'x = 1')] };
    };
    isLive = true;
    const prepare = () => {
      isLive = canLoad;
      return Promise.resolve(canLoad);
    };
    const bridge = {
      request,
      get isLive() {
        return isLive;
      }
    };
    const bridges = { cellsOf, prepare, of: () => bridge };
    kernel = {};
    panel = {
      content,
      sessionContext: {
        get session() {
          return kernel && { kernel };
        }
      }
    };
    tracker = {
      activeCell: { model: { id: 'a' } },
      currentWidget: panel,
      find: isIt => [panel].find(isIt)
    };
    readAhead = new ReadAhead({ bridges, tracker } as unknown as ReadAhead.IOptions);
  });

  afterEach(() => {
    Signal.clearData(readAhead);
    vi.useRealTimers();
  });

  const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

  it('is sent one at a time, and the last of it next', async () => {
    for (const text of ['', 's', 'su', 'sum']) {
      readAhead.typedToAsk(text);
    }
    await later(400);
    readAhead.typedToAsk('sum t');
    readAhead.typedToAsk('sum them');
    await later(5000);
    expect(sent).toEqual(['sum']);
    answer('');
    await later(400);
    expect(sent).toEqual(['sum', 'sum them']);
  });

  it('is not sent once it is sent off', async () => {
    readAhead.typedToAsk('sum');
    readAhead.forget();
    await later(5000);
    expect(sent).toEqual([]);
  });

  it('is not sent to a kernel that does not read, for a while', async () => {
    readAhead.typedToAsk('sum');
    await later(400);
    answer('unsuited');
    readAhead.typedToAsk('sum them');
    await later(20000);
    readAhead.typedToAsk('sum them all');
    await later(5000);
    expect(sent).toEqual(['sum']);
    await later(20000);
    readAhead.typedToAsk('sum them all');
    await later(400);
    expect(sent).toEqual(['sum', 'sum them all']);
  });

  it('is sent again after something went wrong', async () => {
    fail = true;
    readAhead.typedToAsk('sum');
    await later(2000);
    fail = false;
    readAhead.typedToAsk('sum them');
    await later(2000);
    expect(sent).toEqual(['sum them']);
  });

  it('has the extension loaded if need be', async () => {
    isLive = false;
    readAhead.typedToAsk('sum');
    await later(5000);
    expect(sent).toEqual(['sum']);
  });

  it('waits for a kernel that still starts', async () => {
    isLive = false;
    kernel = null;
    readAhead.typedToAsk('sum');
    await later(4000);
    expect(sent).toEqual([]);
    kernel = {};
    await later(5000);
    expect(sent).toEqual(['sum']);
  });

  it('is not sent when it was sent off before that', async () => {
    isLive = false;
    readAhead.typedToAsk('sum');
    await later(400);
    readAhead.forget();
    await later(5000);
    expect(sent).toEqual([]);
  });

  it('is not sent where that cannot be', async () => {
    isLive = canLoad = false;
    readAhead.typedToAsk('sum');
    await later(5000);
    expect(sent).toEqual([]);
  });

  it('goes as the magic would have it where a cell is changed, below that', async () => {
    const subject = { cellId: 'b', source: 'x = 2', selection: '', isCode: true };
    readAhead.typedToEdit('use a\nloop', subject);
    await later(400);
    expect(sent).toEqual(['%codeface_edit --id b use a loop']);
    expect(asking).toBe('b');
  });

  it('is not sent where no cell can be changed', async () => {
    const source = '%%codeface\nplot it';
    readAhead.typedToEdit('call it x', { cellId: 'b', source, selection: '', isCode: true });
    await later(400);
    expect(sent).toEqual([]);
  });

  describe('beside the errors of cells', () => {
    type Emitter = { emit(args: object): void };
    const failed = { output_type: 'error', ename: 'KeyError', evalue: 'x', traceback: [] };
    const run = (id: string, { success = false, source = 'x', shown = [failed], of = content }) => {
      const sharedModel = { cell_type: 'code', getOutputs: () => shown, getSource: () => source };
      const { executed } = NotebookActions as unknown as { executed: Emitter };
      executed.emit({ cell: { model: { id, sharedModel } }, notebook: of, success });
    };

    it('is sent alone until an error has been asked about', async () => {
      run('b', {});
      await later(5000);
      expect(sent).toEqual([]);
      readAhead.followErrors();
      run('b', {});
      await later(5000);
      expect(sent).toEqual(['%codeface_fix --id b']);
    });

    it('makes room for a failure alone', async () => {
      readAhead.followErrors();
      run('b', {});
      run('c', { shown: [] });
      run('d', { success: true });
      run('e', { shown: [{ ...failed, ename: 'KeyboardInterrupt' }] });
      run('f', { source: '%codeface_explain x' });
      await later(5000);
      expect(sent).toEqual(['%codeface_fix --id b']);
    });

    it('makes no room for one of a notebook that is closed', async () => {
      readAhead.followErrors();
      run('b', { of: {} });
      await later(5000);
      expect(sent).toEqual([]);
    });

    it('has nothing loaded for one', async () => {
      readAhead.followErrors();
      isLive = false;
      run('b', {});
      await later(5000);
      expect([sent, isLive]).toEqual([[], false]);
    });

    it('is not sent for what has been asked meanwhile', async () => {
      readAhead.followErrors();
      run('b', {});
      readAhead.forget();
      await later(5000);
      expect(sent).toEqual([]);
    });
  });

  it('rests where it is not read, and nowhere else', async () => {
    readAhead.typedToAsk('sum');
    await later(400);
    answer('unsuited');
    await later(400);
    readAhead.typedToAsk('sum them');
    await later(5000);
    expect(sent).toEqual(['sum']);
    tracker.currentWidget = { ...panel };
    readAhead.typedToAsk('sum those');
    await later(5000);
    expect(sent).toEqual(['sum', 'sum those']);
  });
});
