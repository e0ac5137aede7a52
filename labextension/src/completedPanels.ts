/** The panels whose code is completed while it is typed: notebooks and consoles. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Cell } from '@jupyterlab/cells';
import type { ConsolePanel, IConsoleTracker } from '@jupyterlab/console';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Widget } from '@lumino/widgets';

import type { NotebookBridge } from './bridge';
import { consoleSources, notebookSources } from './completionWanted';
import { answersOf, hasGhostText } from './notebook';
import type { ConsoleBridges } from './openConsoles';
import { IBridges, isPython } from './openNotebooks';
import type { ISettings } from './settings';

/** A panel with code, and what completes it. */
export interface ICompletedPanel {
  /** The panel itself, by whose id JupyterLab knows it. */
  readonly widget: Widget;

  /** The connection to the kernel, or null if its language is not Python. */
  readonly bridge: NotebookBridge | null;

  /** Whether something is suggested there. */
  readonly isOn: boolean;

  /** The cell in which code is typed, or null. */
  readonly cell: Cell | null;

  /** The sources of the code cells above it, the nearest first. */
  sourcesAbove(): Iterable<string>;
}

/** Finds the panels. */
export interface ICompletedPanels {
  /** The panel whose widget fits, or null. */
  find(fits: (widget: Widget) => boolean): ICompletedPanel | null;

  /** The panel that keys are for, or null. */
  readonly current: ICompletedPanel | null;
}

/** Whether code is suggested in a notebook, by its metadata or else by the settings. */
export function isOn(panel: NotebookPanel | null, settings: ISettings): boolean {
  const shared = panel?.context.model.sharedModel;
  return (shared && hasGhostText(shared)) ?? isOnByDefault(panel, settings);
}

/** Whether it is where a notebook says nothing of it; one that wants hints wants no code. */
export function isOnByDefault(panel: NotebookPanel | null, settings: ISettings): boolean {
  const shared = panel?.context.model.sharedModel;
  const wantsHints = shared !== undefined && answersOf(shared) === 'hints';
  return settings.ghostText && !wantsHints;
}

/** The notebooks and consoles of JupyterLab. */
export class CompletedPanels implements ICompletedPanels {
  constructor(private readonly _options: CompletedPanels.IOptions) {}

  find(fits: (widget: Widget) => boolean): ICompletedPanel | null {
    const { consoles, tracker } = this._options;
    return this._notebook(tracker.find(fits)) ?? this._console(consoles?.tracker.find(fits));
  }

  get current(): ICompletedPanel | null {
    const { consoles, shell, tracker } = this._options;
    const front = consoles?.tracker.currentWidget;
    // Either tracker keeps its own last one.
    return front && front === shell.currentWidget
      ? this._console(front)
      : this._notebook(tracker.currentWidget);
  }

  private _notebook(panel: NotebookPanel | null | undefined): ICompletedPanel | null {
    return panel ? new CompletedNotebook(panel, this._options.bridges) : null;
  }

  private _console(panel: ConsolePanel | null | undefined): ICompletedPanel | null {
    const { bridges, consoles, tracker } = this._options;
    if (!panel || !consoles) {
      return null;
    }
    const kernel = panel.sessionContext.session?.kernel?.id;
    const notebook = tracker.find(
      ({ sessionContext }) => kernel !== undefined && sessionContext.session?.kernel?.id === kernel
    );
    return new CompletedConsole(panel, {
      bridge: consoles.bridges.of(panel),
      // The console of a notebook is as the notebook wants it.
      isOn: isOn(notebook ?? null, bridges.settings)
    });
  }
}

export namespace CompletedPanels {
  /** Where the panels are. */
  export interface IOptions {
    bridges: IBridges;
    /** Null where JupyterLab has none. */
    consoles: { bridges: ConsoleBridges; tracker: IConsoleTracker } | null;
    shell: JupyterFrontEnd.IShell;
    tracker: INotebookTracker;
  }
}

class CompletedNotebook implements ICompletedPanel {
  constructor(
    readonly widget: NotebookPanel,
    private readonly _bridges: IBridges
  ) {}

  get bridge(): NotebookBridge | null {
    return isPython(this.widget) ? this._bridges.of(this.widget) : null;
  }

  get isOn(): boolean {
    return isOn(this.widget, this._bridges.settings);
  }

  get cell(): Cell | null {
    const cell = this.widget.content.activeCell;
    return cell?.model.type === 'code' ? cell : null;
  }

  sourcesAbove(): Iterable<string> {
    return notebookSources(this.widget.context.model.sharedModel, this.cell?.model.id ?? '');
  }
}

/** Only a kernel with the extension has a bridge here, and that is one of Python. */
class CompletedConsole implements ICompletedPanel {
  constructor(
    readonly widget: ConsolePanel,
    { bridge, isOn }: Pick<ICompletedPanel, 'bridge' | 'isOn'>
  ) {
    this.bridge = bridge;
    this.isOn = isOn;
  }

  readonly bridge: NotebookBridge | null;
  readonly isOn: boolean;

  get cell(): Cell | null {
    return this.widget.console.promptCell;
  }

  sourcesAbove(): Iterable<string> {
    return consoleSources(this.widget.console.cells);
  }
}
