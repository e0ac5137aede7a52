/** An error's output with a button beside it that explains and repairs it. */

import type { INotebookModel, INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry, MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { button } from './button';
import { cellAt, goToCell, locateCell } from './cellLocation';
import { CommandIDs } from './commands';
import { logoIcon } from './icons';
import { isRequest } from './magicCells';
import { isPython } from './openNotebooks';
import { withoutShortcuts } from './keyboard';

export const ERROR_MIME = 'application/vnd.jupyter.error';
const TRACEBACK_MIME = 'application/vnd.jupyter.stderr';

/** Shows the traceback as ever, and the button where there is Python code to be repaired. */
export class ErrorRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(options: ErrorRenderer.IOptions) {
    super();
    this._options = options;
    this._traceback = options.rendermime.createRenderer(TRACEBACK_MIME);
    const layout = (this.layout = new PanelLayout());
    layout.addWidget(this._traceback);
    this.addClass('jp-CodeFace-error');
    this._actions.className = 'jp-CodeFace-errorActions';
    const { trans } = options;
    this._actions.append(button(trans.__('Explain and fix'), logoIcon, () => void this._fix()));
    this._actions.hidden = true;
    withoutShortcuts(this._actions);
    this.node.prepend(this._actions);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { data, metadata, trusted } = model;
    const traceback = data[TRACEBACK_MIME] ?? '';
    const error = data[ERROR_MIME] as { ename?: unknown } | undefined;
    this._isInterrupt = error?.ename === 'KeyboardInterrupt';
    this._showOrHide();
    await this._traceback.renderModel(
      new MimeModel({ data: { [TRACEBACK_MIME]: traceback }, metadata, trusted })
    );
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    const location = locateCell(this._options.tracker, this.node, null);
    this._notebook = location?.panel.context.model ?? null;
    // Some notebooks do not say their language until their kernel has.
    this._notebook?.metadataChanged.connect(this._showOrHide, this);
    this._showOrHide();
  }

  protected override onBeforeDetach(msg: Message): void {
    this._notebook?.metadataChanged.disconnect(this._showOrHide, this);
    this._notebook = null;
    super.onBeforeDetach(msg);
  }

  private _showOrHide(): void {
    const location = locateCell(this._options.tracker, this.node, null);
    const failed = location ? cellAt(location) : undefined;
    const source = failed?.model.sharedModel.getSource() ?? '';
    this._actions.hidden =
      this._isInterrupt || !location || !isPython(location.panel) || isRequest(source);
  }

  private async _fix(): Promise<void> {
    const location = locateCell(this._options.tracker, this.node, null);
    if (location) {
      // It is about this cell, whatever an earlier click has made the active one.
      const { cellId } = location;
      await goToCell(location.panel, cellId);
      await this._options.commands.execute(CommandIDs.fix, { cellId });
    }
  }

  private readonly _options: ErrorRenderer.IOptions;
  private readonly _traceback: IRenderMime.IRenderer;
  private readonly _actions = document.createElement('div');
  private _notebook: INotebookModel | null = null;
  private _isInterrupt = false;
}

export namespace ErrorRenderer {
  /** What the renderer needs. */
  export interface IOptions {
    commands: CommandRegistry;
    rendermime: IRenderMimeRegistry;
    tracker: INotebookTracker;
    trans: TranslationBundle;
  }
}
