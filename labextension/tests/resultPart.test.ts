/** Whether the kernel that gave an answer can still show something in its place. */

import type { INotebookTracker } from '@jupyterlab/notebook';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { IBridges } from '../src/openNotebooks';
import type { ResultData } from '../src/protocol';
import { ResultPart } from '../src/resultPart';
import { Settings } from '../src/settings';

vi.mock('@jupyterlab/apputils', () => ({}));
vi.mock('@jupyterlab/notebook', () => ({}));

describe('an answer in its notebook', () => {
  let bridge: { isLive: boolean };
  let future: { isDisposed: boolean } | null;
  let node: HTMLElement;

  /** A panel with one cell; the answer is in the first panel's. */
  function panel(context: object, holds: boolean, outputArea?: object) {
    const cell = { node: document.createElement('div'), model: { id: 'c1' }, outputArea };
    if (holds) {
      cell.node.append(node);
    }
    return { context, node: cell.node, content: { widgets: [cell] } };
  }

  /** The way to the kernel that the buttons of an answer in the first of `panels` have. */
  function bridgeIn(...panels: object[]): unknown {
    const tracker = {
      forEach: (visit: (panel: object) => void) => panels.forEach(visit),
      find: (matches: (panel: object) => boolean) => panels.find(matches)
    } as unknown as INotebookTracker;
    const bridges = {
      of: (found: object | null) => (found ? bridge : null)
    } as unknown as IBridges;
    const shown = { kind: 'answer' as const, data: {} as ResultData, numbers: [], node };
    return new ResultPart({ ...shown, bridges, settings: new Settings(), tracker }).bridge;
  }

  beforeEach(() => {
    bridge = { isLive: true };
    future = { isDisposed: false };
    node = document.createElement('div');
  });

  it('can reach its kernel', () => {
    expect(bridgeIn(panel({}, true, { future }))).toBe(bridge);
  });

  it('cannot when the kernel is not there', () => {
    bridge.isLive = false;
    expect(bridgeIn(panel({}, true, { future }))).toBeNull();
  });

  it.each([
    ['in a page that was loaded anew', { future: null }],
    ['after a restart', { future: { isDisposed: true } }],
    ['in a Markdown cell', undefined]
  ])('cannot %s', (_, outputArea) => {
    expect(bridgeIn(panel({}, true, outputArea))).toBeNull();
  });

  it('cannot outside of a notebook', () => {
    expect(bridgeIn(panel({}, false, { future }))).toBeNull();
  });

  it('can in a second view of the notebook, not in another one', () => {
    const context = {};
    const second = panel(context, true, { future: null });
    expect(bridgeIn(second, panel(context, false, { future }))).toBe(bridge);
    expect(bridgeIn(second, panel({}, false, { future }))).toBeNull();
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
    const unused = { bridges: {} as IBridges, tracker: {} as INotebookTracker };
    const node = document.createElement('div');
    const part = { kind: 'block' as const, data, numbers: [0], node, settings: new Settings() };
    const { isReplaceable, isReplacement } = new ResultPart({ ...part, ...unused });
    expect([isReplaceable, isReplacement]).toEqual([expected, expected]);
  });
});
