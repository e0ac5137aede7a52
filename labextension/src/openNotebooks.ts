/** The bridges of all open notebooks. */

import type { Cell } from '@jupyterlab/cells';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import {
  INotebookModel,
  INotebookTracker,
  NotebookActions,
  NotebookPanel
} from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { ISignal, Signal } from '@lumino/signaling';

import { NotebookBridge } from './bridge';
import { KeptOutputs } from './keptOutputs';
import { answersOf, asksInRunAll, describeCells, findCell } from './notebook';
import { notifyFailure } from './notifications';
import { loadExtension, needsExtension } from './onDemand';
import type { NotebookCells } from './protocol';
import { Runs } from './runs';
import { Selections } from './selections';
import type { ISettings } from './settings';

/** Finds the bridge of a notebook. */
export interface IBridges {
  /** The bridge of a notebook, or null if it is not open. */
  of(panel: NotebookPanel | null): NotebookBridge | null;

  /** The live bridge of a notebook that has a kernel, or null. */
  ofKernel(kernelId: string): NotebookBridge | null;

  /** The cells of a notebook, and the one that asks or is to ask. */
  cellsOf(panel: NotebookPanel, asking: string): NotebookCells;

  /** Load the extension for a notebook, if that may be; whether its bridge is live then. */
  prepare(panel: NotebookPanel): Promise<boolean>;

  /** Take the next run of cells for one by hand, whatever is selected. */
  runByHand(cells: Cell[]): void;

  /** The bridge of the notebook in front, or null. */
  readonly current: NotebookBridge | null;

  /** The user's settings. */
  readonly settings: ISettings;

  /** Emitted when another notebook comes to the front, and when its bridge's state changes. */
  readonly currentChanged: ISignal<IBridges, void>;
}

/** The token of the bridges. */
export const IBridges = new Token<IBridges>(
  'codeface-jupyter:IBridges',
  "The connections between open notebooks and their kernels' CodeFace sessions."
);

/** Whether a notebook's kernel can have the extension. */
export function isPython(panel: NotebookPanel | null): boolean {
  return panel?.content.model?.defaultKernelLanguage === 'python';
}

/** How long the comm may take to open once the extension is loaded. */
const OPENING_MS = 5000;
const OPENING_STEP_MS = 100;

type Context = DocumentRegistry.IContext<INotebookModel>;

/** Makes a bridge for each notebook, and ends it with the notebook's last view. */
export class Bridges implements IBridges {
  constructor(options: Bridges.IOptions) {
    this._tracker = options.tracker;
    this._trans = options.trans;
    this.settings = options.settings;
    this._tracker.forEach(panel => this._add(panel));
    this._tracker.widgetAdded.connect((_, panel) => this._add(panel));
    this._tracker.currentChanged.connect(() => this._currentChanged.emit());
    this.settings.changed.connect(() => this._bridges.forEach(this._sendSettings, this));
    // Emitted right before the request goes out, so that the kernel has the cells in time.
    NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
      this._runs.scheduled(cell, this._selections.has(notebook, cell));
      this._outputs.keep(cell);
      const panel = this._tracker.find(candidate => candidate.content === notebook);
      const bridge = this.of(panel ?? null);
      if (panel && bridge?.isLive) {
        bridge.notify('cells', this.cellsOf(panel, cell.model.id));
      } else if (panel && needsExtension(cell.model.sharedModel.getSource())) {
        void this._load(panel).then(problem => problem && notifyFailure(problem));
      }
    });
    NotebookActions.executed.connect((_, { cell }) => this._outputs.putBack(cell));
  }

  cellsOf({ context }: NotebookPanel, asking: string): NotebookCells {
    return this._cellsOf(context, asking);
  }

  async prepare(panel: NotebookPanel): Promise<boolean> {
    const bridge = this.of(panel);
    if (!bridge) {
      return false;
    }
    // What is wrong is told when a cell needs it.
    const problem = await this._load(panel);
    for (let waited = 0; problem === '' && !bridge.isLive && waited < OPENING_MS;) {
      await new Promise(resolve => window.setTimeout(resolve, OPENING_STEP_MS));
      waited += OPENING_STEP_MS;
    }
    return bridge.isLive;
  }

  runByHand(cells: Cell[]): void {
    this._runs.byHand(cells);
  }

  readonly settings: ISettings;

  of(panel: NotebookPanel | null): NotebookBridge | null {
    return (panel && this._bridges.get(panel.context)) ?? null;
  }

  ofKernel(kernelId: string): NotebookBridge | null {
    const found = [...this._bridges].find(
      ([{ sessionContext }, bridge]) =>
        bridge.isLive && sessionContext.session?.kernel?.id === kernelId
    );
    return found?.[1] ?? null;
  }

  get current(): NotebookBridge | null {
    return this.of(this._tracker.currentWidget);
  }

  get currentChanged(): ISignal<this, void> {
    return this._currentChanged;
  }

  private _add(panel: NotebookPanel): void {
    const { context } = panel;
    this._selections.follow(panel.content);
    panel.disposed.connect(() => this._remove(context));
    if (this._bridges.has(context)) {
      return;
    }
    const bridge = new NotebookBridge({
      sessionContext: context.sessionContext,
      trans: this._trans
    });
    bridge.handlers.handle('get_cells', ({ asking }) => this._cellsOf(context, asking));
    bridge.opened.connect(this._sendSettings, this);
    bridge.statusChanged.connect(() => {
      if (bridge === this.current) {
        this._currentChanged.emit();
      }
    });
    bridge.failed.connect((_, message) => notifyFailure(message));
    this._bridges.set(context, bridge);
    this._currentChanged.emit();
  }

  private _remove(context: Context): void {
    if (!this._tracker.find(panel => panel.context === context && !panel.isDisposed)) {
      this._bridges.get(context)?.dispose();
      this._bridges.delete(context);
    }
  }

  /**
   * Load the extension; it goes out now, before the cell that needs it.
   *
   * @returns why it could not be loaded, null if it is not to be; empty if it was.
   */
  private async _load(panel: NotebookPanel): Promise<string | null> {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel || !this.settings.loadOnDemand || !isPython(panel) || this._loading.has(kernel)) {
      return null;
    }
    this._loading.add(kernel);
    try {
      return await loadExtension(kernel, this._trans);
    } finally {
      this._loading.delete(kernel);
    }
  }

  private _sendSettings(bridge: NotebookBridge): void {
    bridge.notify('settings', this.settings.forKernel);
  }

  private _cellsOf({ path, model }: Context, asking: string | null): NotebookCells {
    const cell = findCell(model.sharedModel, asking);
    return {
      path,
      asking,
      cells: describeCells(model.sharedModel, asking),
      is_run_all: cell !== undefined && this._runs.isRunAll(cell),
      ask_in_run_all: asksInRunAll(model.sharedModel),
      answers: answersOf(model.sharedModel)
    };
  }

  private readonly _runs = new Runs<Cell>();
  private readonly _selections = new Selections();
  private readonly _outputs = new KeptOutputs();
  private readonly _tracker: INotebookTracker;
  private readonly _trans: TranslationBundle;
  private readonly _loading = new WeakSet<Kernel.IKernelConnection>();
  private readonly _bridges = new Map<Context, NotebookBridge>();
  private readonly _currentChanged = new Signal<this, void>(this);
}

export namespace Bridges {
  /** What the bridges need. */
  export interface IOptions {
    tracker: INotebookTracker;
    settings: ISettings;
    trans: TranslationBundle;
  }
}
