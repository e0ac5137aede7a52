/** An answer that still comes: its widgets while their kernel lives, else the words so far. */

import type { ISharedCodeCell } from '@jupyter/ydoc';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry, MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import type { CarriedAnswers } from './carriedAnswers';
import { areaOf, ICellLocation, locateCell, receivesOutput } from './cellLocation';
import { EndFollower } from './endFollower';
import { keepFocus } from './focusKeeper';
import type { UntrustedMarkdown } from './markdown';
import { findCell } from './notebook';
import type { IBridges } from './openNotebooks';
import { isStreamData, RESULT_MIME, STREAM_MIME, StreamData } from './protocol';

/** A lost connection is none of them: the answer still comes. */
const ENDED_STATUSES: ReadonlySet<string> = new Set([
  'restarting',
  'autorestarting',
  'terminating',
  'dead'
]);

const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

/** Shows what still comes; the widgets of a kernel that has ended would be dead. */
export class StreamRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(options: StreamRenderer.IOptions) {
    super();
    this._options = options;
    this.layout = new PanelLayout();
    this.addClass('jp-CodeFace-stream');
  }

  /** Take the answer so far; the widgets stay as they are. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._model = model;
    await this._update();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._panel = this._location()?.panel ?? null;
    this._panel?.sessionContext.statusChanged.connect(this._onKernelChanged, this);
    this._panel?.sessionContext.kernelChanged.connect(this._onKernelChanged, this);
    this._panel?.sessionContext.sessionChanged.connect(this._onKernelChanged, this);
    this._followEnd();
    void this._update();
    // A cell that has been moved or brought back has its run again right after this.
    void Promise.resolve().then(() => this._followRun());
  }

  protected override onBeforeDetach(msg: Message): void {
    this._panel?.sessionContext.statusChanged.disconnect(this._onKernelChanged, this);
    this._panel?.sessionContext.kernelChanged.disconnect(this._onKernelChanged, this);
    this._panel?.sessionContext.sessionChanged.disconnect(this._onKernelChanged, this);
    this._stopIfUnseen();
    this._followed?.dispose();
    this._followed = null;
    this._panel = null;
    keepFocus(this.node);
    super.onBeforeDetach(msg);
  }

  /** Keep the end of the answer in view, also of the lasting output that takes its place. */
  private _followEnd(): void {
    const output = this.node.closest<HTMLElement>('.jp-OutputArea');
    if (output && this._isLive() && !this._isFollowed) {
      this._isFollowed = true;
      const follower = new EndFollower(output);
      this.disposed.connect(() => follower.endSoon());
    }
  }

  /** Show what comes also where JupyterLab does not bring it: in a cell that has been moved. */
  private _followRun(): void {
    const location = this._location();
    const area = location && areaOf(location);
    const displayId = this._data?.display_id;
    if (!this.isAttached || displayId === undefined || !area?.node.contains(this.node)) {
      return;
    }
    const run = area.future ?? null;
    this._followed?.dispose();
    this._followed = this._options.carried.follow(run, area, displayId, data =>
      this._model?.setData({ data })
    );
    this._onKernelChanged();
    // Whatever has been missed: a run that has ended leaves words.
    void run?.done.catch(() => undefined).then(() => this._onKernelChanged());
  }

  /** End an answer whose cell is deleted, or its outputs: nobody would see it, or could stop it. */
  private _stopIfUnseen(): void {
    const panel = this._panel;
    const cellId = this._data?.cell_id ?? null;
    if (!panel || cellId === null || !this._wasLive) {
      return;
    }
    const run = areaOf({ panel, cellId })?.future;
    // A cell that is moved is taken out and put in again.
    void Promise.resolve().then(() => {
      if (!panel.isDisposed && isUnseen(panel, cellId, run)) {
        void this._options.bridges.of(panel)?.stop(cellId);
      }
    });
  }

  private _onKernelChanged(): void {
    // The cell's run is given up right after the signal.
    void Promise.resolve().then(() =>
      this._isLive() === this._wasLive ? undefined : this._update()
    );
  }

  private async _update(): Promise<void> {
    const model = this._model;
    const data: unknown = model?.data[STREAM_MIME];
    // Before it is attached, nothing tells in which notebook it is.
    if (!this.isAttached || !model || !isStreamData(data)) {
      return;
    }
    const isLive = this._isLive();
    const widgets = isLive ? this._widgetsOf(data) : null;
    if (widgets && this._hasWidgets) {
      return;
    }
    this._hasComeHere ||= isLive;
    this._wasLive = isLive;
    this._hasWidgets = widgets !== null;
    const update = (this._updates += 1);
    const shown = widgets ? [await widgets()] : await this._words(model, data);
    if (update === this._updates && !this.isDisposed) {
      this._fill(shown);
    } else {
      shown.forEach(widget => widget.dispose());
    }
  }

  /** Whether the kernel that sends the answer still does. */
  private _isLive(): boolean {
    const location = this._location();
    const kernel = location?.panel.sessionContext.session?.kernel;
    const hasKernel = kernel && !kernel.isDisposed && !ENDED_STATUSES.has(kernel.status);
    return Boolean(location && hasKernel && receivesOutput(this._options.tracker, location));
  }

  /** Return what makes the widgets' view, or null where there is no manager of widgets. */
  private _widgetsOf({ model_id }: StreamData): (() => Promise<Widget>) | null {
    // Each notebook has a manager of its own.
    const rendermime = this._location()?.panel.content.rendermime;
    if (!rendermime?.getFactory(WIDGET_MIME)) {
      return null;
    }
    return () => render(rendermime, { [WIDGET_MIME]: { version_major: 2, model_id } });
  }

  private async _words(model: IRenderMime.IMimeModel, { text }: StreamData): Promise<Widget[]> {
    const { markdown, rendermime } = this._options;
    if (model.data[RESULT_MIME] !== undefined) {
      // An answer that was asked for again stays until the new one is there.
      const result = rendermime.createRenderer(RESULT_MIME);
      await result.renderModel(model);
      return [result];
    }
    return [await markdown.render(text), note(this._wasLive ? '…' : this._whyNotWhole)];
  }

  private get _whyNotWhole(): string {
    const { trans } = this._options;
    return this._hasComeHere
      ? trans.__('The kernel was restarted or ended before this answer was complete.')
      : trans.__('This answer was not complete when the notebook was saved.');
  }

  private _fill(widgets: Widget[]): void {
    const layout = this.layout as PanelLayout;
    [...layout.widgets].forEach(widget => widget.dispose());
    widgets.forEach(widget => layout.addWidget(widget));
  }

  private _location(): ICellLocation | null {
    return locateCell(this._options.tracker, this.node, this._data?.cell_id ?? null);
  }

  private get _data(): StreamData | null {
    const data: unknown = this._model?.data[STREAM_MIME];
    return isStreamData(data) ? data : null;
  }

  private readonly _options: StreamRenderer.IOptions;
  private _model: IRenderMime.IMimeModel | null = null;
  private _panel: NotebookPanel | null = null;
  /** What ends when this no longer shows what comes. */
  private _followed: IDisposable | null = null;
  /** What is shown: the widgets, and whether more was to come. */
  private _hasWidgets = false;
  private _wasLive = false;
  /** Whether the answer has been seen to come. */
  private _hasComeHere = false;
  private _isFollowed = false;
  private _updates = 0;
}

export namespace StreamRenderer {
  /** What a renderer needs. */
  export interface IOptions {
    bridges: IBridges;
    carried: CarriedAnswers;
    markdown: UntrustedMarkdown;
    rendermime: IRenderMimeRegistry;
    tracker: INotebookTracker;
    trans: TranslationBundle;
  }
}

/** Whether a cell no longer shows what comes of a run. */
function isUnseen(panel: NotebookPanel, cellId: string, run: object | null | undefined): boolean {
  const cell = findCell(panel.context.model.sharedModel, cellId);
  if (cell?.cell_type !== 'code') {
    return true;
  }
  // The outputs also go when the cell runs again, and that answer is to come.
  const isSameRun = run != null && areaOf({ panel, cellId })?.future === run;
  return isSameRun && (cell as ISharedCodeCell).getOutputs().length === 0;
}

async function render(
  rendermime: IRenderMimeRegistry,
  data: IRenderMime.IMimeModel['data']
): Promise<Widget> {
  const [mimeType = ''] = Object.keys(data);
  const renderer = rendermime.createRenderer(mimeType);
  await renderer.renderModel(new MimeModel({ data, trusted: true }));
  return renderer;
}

function note(text: string): Widget {
  const widget = new Widget();
  widget.addClass('jp-CodeFace-message');
  widget.node.textContent = text;
  return widget;
}
