/** The bridges of all open code consoles. */

import type { ConsolePanel, IConsoleTracker } from '@jupyterlab/console';
import type { TranslationBundle } from '@jupyterlab/translation';

import { NotebookBridge } from './bridge';
import { notifyFailure } from './notifications';
import type { IBridges } from './openNotebooks';
import type { NotebookCells } from './protocol';

/** A console has no cells of a notebook; the kernel then looks for none there. */
const NO_CELLS: NotebookCells = { path: '', asking: null, cells: [] };

/** What tells of consoles. */
export type Consoles = Pick<IConsoleTracker, 'forEach' | 'widgetAdded'>;

/** Makes a bridge for each console. */
export class ConsoleBridges {
  constructor(private readonly _options: ConsoleBridges.IOptions) {
    const { bridges, consoles } = _options;
    consoles.forEach(panel => this._add(panel));
    consoles.widgetAdded.connect((_, panel) => this._add(panel));
    bridges.settings.changed.connect(() => this._bridges.forEach(this._sendSettings, this));
  }

  /**
   * The bridge of a console, or null if it has none yet.
   *
   * The console of a notebook's kernel has the notebook's: on one page only one connection to a
   * kernel has comms.
   */
  of(panel: ConsolePanel): NotebookBridge | null {
    const own = this._bridges.get(panel);
    const kernel = panel.sessionContext.session?.kernel;
    return own?.isLive || !kernel ? (own ?? null) : this._options.bridges.ofKernel(kernel.id);
  }

  private _add(panel: ConsolePanel): void {
    const { sessionContext } = panel;
    const bridge = new NotebookBridge({ sessionContext, trans: this._options.trans });
    bridge.handlers.handle('get_cells', () => NO_CELLS);
    bridge.opened.connect(() => {
      this._sendSettings(bridge);
      bridge.notify('cells', NO_CELLS);
    });
    bridge.failed.connect((_, message) => notifyFailure(message));
    this._bridges.set(panel, bridge);
    panel.disposed.connect(() => {
      this._bridges.delete(panel);
      bridge.dispose();
    });
  }

  private _sendSettings(bridge: NotebookBridge): void {
    bridge.notify('settings', this._options.bridges.settings.forKernel);
  }

  private readonly _bridges = new Map<ConsolePanel, NotebookBridge>();
}

export namespace ConsoleBridges {
  /** What the bridges need. */
  export interface IOptions {
    bridges: Pick<IBridges, 'ofKernel' | 'settings'>;
    consoles: Consoles;
    trans: TranslationBundle;
  }
}
