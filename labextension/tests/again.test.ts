/** When an answer can be asked for again, and what the button says. */

import type { INotebookTracker } from '@jupyterlab/notebook';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { AgainTarget, AskAgain } from '../src/again';
import type { IBridges } from '../src/bridges';

vi.mock('@jupyterlab/ui-components', () => {
  const icon = { element: () => document.createElement('span') };
  return {
    addBelowIcon: icon,
    copyIcon: icon,
    editIcon: icon,
    launcherIcon: icon,
    refreshIcon: icon
  };
});
vi.mock('@jupyterlab/notebook', () => ({}));
vi.mock('@jupyterlab/apputils', () => ({}));

function buttonOf(again: AskAgain): HTMLButtonElement {
  return again.node.querySelector('button') as HTMLButtonElement;
}

describe('the button', () => {
  it('asks once and says so', () => {
    const target = { isPossible: true, ask: vi.fn(() => true) };
    const again = new AskAgain(target);
    expect(buttonOf(again).hidden).toBe(false);
    buttonOf(again).click();
    buttonOf(again).click();
    expect(target.ask).toHaveBeenCalledOnce();
    expect(again.node.querySelector('[role=status]')?.textContent).toBe('Asking again …');
  });

  it('comes and goes with the kernel', () => {
    const target = { isPossible: false, ask: () => false };
    const again = new AskAgain(target);
    expect(buttonOf(again).hidden).toBe(true);
    target.isPossible = true;
    again.update();
    expect(buttonOf(again).hidden).toBe(false);
  });

  it('says that the kernel is gone and goes as well', () => {
    const target = { isPossible: true, ask: () => false };
    const again = new AskAgain(target);
    target.isPossible = false;
    buttonOf(again).click();
    expect(buttonOf(again).hidden).toBe(true);
    expect(again.node.textContent).toContain('The kernel that gave this answer is gone');
  });
});

describe('an answer in its notebook', () => {
  let bridge: { isLive: boolean; request: ReturnType<typeof vi.fn> };
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

  function target(...panels: object[]): AgainTarget {
    const tracker = {
      forEach: (visit: (panel: object) => void) => panels.forEach(visit),
      find: (matches: (panel: object) => boolean) => panels.find(matches)
    } as unknown as INotebookTracker;
    const bridges = {
      of: (found: object | null) => (found ? bridge : null)
    } as unknown as IBridges;
    return new AgainTarget({ answerId: 'a1', bridges, node, tracker });
  }

  beforeEach(() => {
    bridge = { isLive: true, request: vi.fn(() => Promise.resolve({})) };
    future = { isDisposed: false };
    node = document.createElement('div');
  });

  it('is asked for by its id', () => {
    const shown = target(panel({}, true, { future }));
    expect(shown.isPossible).toBe(true);
    expect(shown.ask()).toBe(true);
    expect(bridge.request).toHaveBeenCalledExactlyOnceWith('ask_again', { answer_id: 'a1' });
  });

  it('cannot be asked for without its kernel', () => {
    bridge.isLive = false;
    const shown = target(panel({}, true, { future }));
    expect(shown.isPossible).toBe(false);
    expect(shown.ask()).toBe(false);
    expect(bridge.request).not.toHaveBeenCalled();
  });

  it.each([
    ['in a page that was loaded anew', { future: null }],
    ['after a restart', { future: { isDisposed: true } }],
    ['in a Markdown cell', undefined]
  ])('cannot be asked for %s', (_, outputArea) => {
    expect(target(panel({}, true, outputArea)).isPossible).toBe(false);
  });

  it('cannot be asked for outside of a notebook', () => {
    expect(target(panel({}, false, { future })).isPossible).toBe(false);
  });

  it('can be asked for in a second view of the notebook, not in another one', () => {
    const context = {};
    const second = panel(context, true, { future: null });
    expect(target(second, panel(context, false, { future })).isPossible).toBe(true);
    expect(target(second, panel({}, false, { future })).isPossible).toBe(false);
  });
});
