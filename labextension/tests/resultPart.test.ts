/** What an answer can do in the notebook that shows it. */

import type { INotebookTracker } from '@jupyterlab/notebook';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { IBridges } from '../src/openNotebooks';
import type { ResultData } from '../src/protocol';
import { ResultPart } from '../src/resultPart';
import { Settings } from '../src/settings';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/apputils', () => ({}));
vi.mock('@jupyterlab/notebook', () => ({}));

const further = {
  openField: vi.fn(),
  tryAgain: () => Promise.resolve('tried'),
  goOn: () => Promise.resolve('gone on')
};

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
