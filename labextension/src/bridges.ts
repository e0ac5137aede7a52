/** The bridges of all open notebooks. */

import { Notification } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import {
  INotebookModel,
  INotebookTracker,
  NotebookActions,
  NotebookPanel
} from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import { ISignal, Signal } from '@lumino/signaling';

import { NotebookBridge } from './bridge';
import { describeCells, insertBelow, replaceCell } from './notebook';
import type { InsertMessage } from './protocol';
import { goToCell } from './places';
import type { ISettings } from './settings';

/** Finds the bridge of a notebook. */
export interface IBridges {
  /** The bridge of a notebook, or null if it is not open. */
  of(panel: NotebookPanel | null): NotebookBridge | null;

  /** The bridge of the notebook in front, or null. */
  readonly current: NotebookBridge | null;

  /** Emitted when another notebook comes to the front, and when its bridge's state changes. */
  readonly currentChanged: ISignal<IBridges, void>;
}

/** The token of the bridges. */
export const IBridges = new Token<IBridges>(
  'codeface-jupyter:IBridges',
  "The connections between open notebooks and their kernels' CodeFace sessions."
);

type Context = DocumentRegistry.IContext<INotebookModel>;

/** Makes a bridge for each notebook, and ends it with the notebook's last view. */
export class Bridges implements IBridges {
  constructor(options: { tracker: INotebookTracker; settings: ISettings }) {
    this._tracker = options.tracker;
    this._settings = options.settings;
    this._tracker.forEach(panel => this._add(panel));
    this._tracker.widgetAdded.connect((_, panel) => this._add(panel));
    this._tracker.currentChanged.connect(() => this._currentChanged.emit());
    this._settings.changed.connect(() => this._bridges.forEach(bridge => bridge.pushSettings()));
    // Emitted right before the request goes out, so that the kernel has the cells in time.
    NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
      const panel = this._tracker.find(candidate => candidate.content === notebook);
      this.of(panel ?? null)?.push(cell.model.id);
    });
  }

  of(panel: NotebookPanel | null): NotebookBridge | null {
    return (panel && this._bridges.get(panel.context)) ?? null;
  }

  get current(): NotebookBridge | null {
    return this.of(this._tracker.currentWidget);
  }

  get currentChanged(): ISignal<this, void> {
    return this._currentChanged;
  }

  private _add(panel: NotebookPanel): void {
    const { context } = panel;
    panel.disposed.connect(() => this._remove(context));
    if (this._bridges.has(context)) {
      return;
    }
    const bridge = new NotebookBridge({
      sessionContext: context.sessionContext,
      describe: asking => ({
        path: context.path,
        asking,
        cells: describeCells(context.model.sharedModel, asking)
      }),
      settings: () => this._settings.forKernel
    });
    bridge.statusChanged.connect(() => {
      if (bridge === this.current) {
        this._currentChanged.emit();
      }
    });
    bridge.insertRequested.connect((_, message) => this._insert(context, message));
    bridge.failed.connect((_, message) => {
      Notification.warning(`CodeFace: ${message}`, { autoClose: 10000 });
    });
    this._bridges.set(context, bridge);
    this._currentChanged.emit();
  }

  private _remove(context: Context): void {
    if (!this._tracker.find(panel => panel.context === context && !panel.isDisposed)) {
      this._bridges.get(context)?.dispose();
      this._bridges.delete(context);
    }
  }

  private _insert(context: Context, message: InsertMessage): void {
    const notebook = context.model.sharedModel;
    const id =
      message.mode === 'below'
        ? (insertBelow(notebook, message.cell_id, [message])[0] ?? null)
        : replaceCell(notebook, message.cell_id, message);
    const panel = this._tracker.currentWidget;
    // Only the notebook that the user looks at scrolls.
    if (id !== null && panel?.context === context) {
      void goToCell(panel, id);
    }
  }

  private readonly _tracker: INotebookTracker;
  private readonly _settings: ISettings;
  private readonly _bridges = new Map<Context, NotebookBridge>();
  private readonly _currentChanged = new Signal<this, void>(this);
}
