/** What is told of a question that is typed for a cell that is not there yet, and when. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Cell, NotebookCells } from '../src/protocol';
import { ReadAhead, withQuestion } from '../src/readAhead';

function cell(id: string, source: string): Cell {
  return { id, type: 'code', source, execution_count: null, is_cut: false };
}

describe('a question for a new cell', () => {
  const cells = [cell('a', 'x = 1'), cell('b', 'x + 1'), cell('c', 'x + 2')];
  const notebook = { path: 'a.ipynb', asking: 'b', cells, answers: 'hints' as const };

  it('stands below the active one, and asks', () => {
    const found = withQuestion(notebook, ' sum them ');

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
    const found = withQuestion(
      { ...notebook, cells: [cell('a', 'x = 1'), cell('b', ' \n')] },
      'sum'
    );

    expect(found.cells.map(({ source }) => source)).toEqual(['x = 1', '%%codeface\nsum']);
  });

  it('leaves the notebook as it is', () => {
    withQuestion(notebook, 'sum them');

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

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    fail = false;
    canLoad = true;
    const request = (_method: string, { cells }: NotebookCells) => {
      sent.push(cells.at(-1)?.source.split('\n')[1] ?? '');
      return new Promise(resolve => (answer = silence => resolve({ silence })));
    };
    const cellsOf = () => {
      if (fail) {
        throw new Error('the panel is gone');
      }
      return { path: 'a.ipynb', asking: 'a', cells: [cell('a', 'x = 1')] };
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
    const panel = {
      sessionContext: {
        get session() {
          return kernel && { kernel };
        }
      }
    };
    const tracker = {
      activeCell: { model: { id: 'a' } },
      currentWidget: panel,
      find: () => undefined
    };
    readAhead = new ReadAhead({ bridges, tracker } as unknown as ReadAhead.IOptions);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

  it('is sent one at a time, and the last of it next', async () => {
    for (const text of ['', 's', 'su', 'sum']) {
      readAhead.typed(text);
    }
    await later(400);
    readAhead.typed('sum t');
    readAhead.typed('sum them');
    await later(5000);
    expect(sent).toEqual(['sum']);
    answer('');
    await later(400);
    expect(sent).toEqual(['sum', 'sum them']);
  });

  it('is not sent once it is sent off', async () => {
    readAhead.typed('sum');
    readAhead.forget();
    await later(5000);
    expect(sent).toEqual([]);
  });

  it('is not sent to a kernel that does not read, for a while', async () => {
    readAhead.typed('sum');
    await later(400);
    answer('unsuited');
    readAhead.typed('sum them');
    await later(20000);
    readAhead.typed('sum them all');
    await later(5000);
    expect(sent).toEqual(['sum']);
    await later(20000);
    readAhead.typed('sum them all');
    await later(400);
    expect(sent).toEqual(['sum', 'sum them all']);
  });

  it('is sent again after something went wrong', async () => {
    fail = true;
    readAhead.typed('sum');
    await later(2000);
    fail = false;
    readAhead.typed('sum them');
    await later(2000);
    expect(sent).toEqual(['sum them']);
  });

  it('has the extension loaded if need be', async () => {
    isLive = false;
    readAhead.typed('sum');
    await later(5000);
    expect(sent).toEqual(['sum']);
  });

  it('waits for a kernel that still starts', async () => {
    isLive = false;
    kernel = null;
    readAhead.typed('sum');
    await later(4000);
    expect(sent).toEqual([]);
    kernel = {};
    await later(5000);
    expect(sent).toEqual(['sum']);
  });

  it('is not sent when it was sent off before that', async () => {
    isLive = false;
    readAhead.typed('sum');
    await later(400);
    readAhead.forget();
    await later(5000);
    expect(sent).toEqual([]);
  });

  it('is not sent where that cannot be', async () => {
    isLive = canLoad = false;
    readAhead.typed('sum');
    await later(5000);
    expect(sent).toEqual([]);
  });
});
