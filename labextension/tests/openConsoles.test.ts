/** The comms of code consoles: their own, or that of the notebook with the same kernel. */

import type { ConsolePanel } from '@jupyterlab/console';
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { NotebookBridge } from '../src/bridge';
import { CompletedPanels } from '../src/completedPanels';
import { ConsoleBridges, Consoles } from '../src/openConsoles';
import type { IBridges } from '../src/openNotebooks';
import { FakeKernel, FakeSession, settle } from './fakeKernel';
import { ENGLISH } from './translations';

// JupyterLab's own parts need a browser's drag and drop.
vi.mock('../src/openNotebooks', () => ({ isPython: () => true }));
vi.mock('../src/notifications', () => ({ notifyFailure: vi.fn() }));

/** A console of a kernel. */
class FakeConsole {
  constructor(kernel: FakeKernel) {
    this.sessionContext = new FakeSession(kernel);
  }

  readonly sessionContext: FakeSession;
  readonly disposed = new Signal<this, void>(this);
  readonly console = { promptCell: 'the prompt' };
}

const NOTEBOOKS_OWN = { isLive: true } as NotebookBridge;

class FakeSettings {
  readonly changed = new Signal<this, void>(this);
  readonly forKernel = { model: 'small' };
  readonly ghostText = true;
}

let opened: FakeConsole[];
let widgetAdded: Signal<object, FakeConsole>;
let settings: FakeSettings;
let kernel: FakeKernel;
let bridges: ConsoleBridges;

function add(kernel: FakeKernel): ConsolePanel {
  const panel = new FakeConsole(kernel);
  widgetAdded.emit(panel);
  return panel as unknown as ConsolePanel;
}

function notebooks(): IBridges {
  const ofKernel = (id: string) => (id === 'of a notebook' ? NOTEBOOKS_OWN : null);
  return { ofKernel, settings } as unknown as IBridges;
}

beforeEach(() => {
  opened = [];
  widgetAdded = new Signal<object, FakeConsole>({});
  settings = new FakeSettings();
  kernel = new FakeKernel();
  const consoles = {
    forEach: (take: (panel: FakeConsole) => void) => opened.forEach(take),
    widgetAdded
  };
  bridges = new ConsoleBridges({
    bridges: notebooks(),
    consoles: consoles as unknown as Consoles,
    trans: ENGLISH
  });
});

describe('the bridge of a console', () => {
  it('tells the kernel the settings, and that there is no notebook', async () => {
    const panel = add(kernel);
    expect(bridges.of(panel)?.isLive).toBeFalsy();
    await kernel.hello();

    expect(bridges.of(panel)?.isLive).toBe(true);
    const nothing = { path: '', asking: null, cells: [] };
    expect(kernel.comm.sent.slice(1)).toEqual([
      { version: 2, type: 'notification', method: 'settings', payload: { model: 'small' } },
      { version: 2, type: 'notification', method: 'cells', payload: nothing }
    ]);
    settings.changed.emit();
    expect(kernel.comm.sent.at(-1)?.method).toBe('settings');

    kernel.comm.hear({
      type: 'request',
      request_id: 'k1',
      method: 'get_cells',
      payload: { asking: 'c' }
    });
    await settle();
    expect(kernel.comm.sent.at(-1)?.result).toEqual(nothing);
  });

  it('is that of the notebook whose kernel it has', () => {
    kernel.id = 'of a notebook';
    kernel.handleComms = false;

    expect(bridges.of(add(kernel))).toBe(NOTEBOOKS_OWN);
  });

  it('goes with the console', async () => {
    const panel = add(kernel);
    await kernel.hello();
    (panel as unknown as FakeConsole).disposed.emit();

    expect(kernel.comm.isClosed).toBe(true);
    expect(bridges.of(panel)).toBeNull();
  });
});

describe('the panel that keys are for', () => {
  it('is the console in front, or else the last notebook', async () => {
    const panel = add(kernel);
    await kernel.hello();
    const shell = { currentWidget: panel as unknown };
    const tracker = { currentWidget: null, find: () => undefined };
    const panels = new CompletedPanels({
      bridges: notebooks(),
      consoles: { bridges, tracker: { currentWidget: panel, find: () => panel } },
      shell,
      tracker
    } as unknown as CompletedPanels.IOptions);

    expect(panels.current?.widget).toBe(panel);
    expect(panels.current?.cell).toBe('the prompt');
    expect(panels.current?.bridge?.isLive).toBe(true);
    expect(panels.find(() => true)?.isOn).toBe(true);
    shell.currentWidget = 'something else';
    expect(panels.current).toBeNull();
  });

  it.each([true, false])('has suggestions in a console if its notebook has them: %s', isOn => {
    const sharedModel = { getMetadata: () => ({ ghost_text: isOn }) };
    const notebook = {
      context: { model: { sharedModel } },
      sessionContext: new FakeSession(kernel)
    };
    const notebooksOnly = (fits: (panel: unknown) => boolean) =>
      [notebook].find(panel => fits(panel));
    const panel = add(kernel);
    const panels = new CompletedPanels({
      bridges: notebooks(),
      consoles: { bridges, tracker: { currentWidget: panel } },
      shell: { currentWidget: panel },
      tracker: { currentWidget: notebook, find: notebooksOnly }
    } as unknown as CompletedPanels.IOptions);

    expect(panels.current?.widget).toBe(panel);
    expect(panels.current?.isOn).toBe(isOn);
  });
});
