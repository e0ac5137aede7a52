/** The status bar's item: the model, the engine and what they are doing. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { GhostTextCommandIDs } from './ghostTextCommands';
import type { IBridges } from './openNotebooks';
import type { Status } from './protocol';

/** What the item needs. */
interface IStatusOptions {
  bridges: IBridges;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** Shows the session of the notebook in front; empty when there is none. */
export class StatusItem extends Widget {
  constructor(options: IStatusOptions) {
    super({ node: document.createElement('button') });
    const { bridges, commands } = options;
    this._bridges = bridges;
    this._trans = options.trans;
    this._commands = commands;
    this.addClass('jp-CodeFace-status');
    this.node.addEventListener('click', () => void commands.execute(CommandIDs.chooseModel));
    bridges.currentChanged.connect(this._refresh, this);
    commands.commandChanged.connect(this._onCommandChanged, this);
    this._refresh();
  }

  /** Whether there is anything to show. */
  get isActive(): boolean {
    return this._bridges.current?.isLive === true;
  }

  private _refresh(): void {
    const trans = this._trans;
    const text = describeStatus(this._bridges.current?.status ?? null, trans);
    const ghostText = this._hasGhostText
      ? trans.__('Ghost text is on')
      : trans.__('Ghost text is off');
    this.node.textContent = text;
    this.node.title = [text, ghostText, trans.__('Choose the CodeFace model')].join('\n');
  }

  private get _hasGhostText(): boolean {
    const { toggle } = GhostTextCommandIDs;
    return this._commands.hasCommand(toggle) && this._commands.isToggled(toggle);
  }

  private _onCommandChanged(_: CommandRegistry, { id }: CommandRegistry.ICommandChangedArgs): void {
    if (id === GhostTextCommandIDs.toggle) {
      this._refresh();
    }
  }

  private readonly _bridges: IBridges;
  private readonly _commands: CommandRegistry;
  private readonly _trans: TranslationBundle;
}

/** Show the state in the toolbar of each notebook, as Notebook 7 has no status bar. */
export function addToToolbars(options: IStatusOptions & { tracker: INotebookTracker }): void {
  const { bridges, tracker } = options;
  const add = ({ toolbar }: NotebookPanel) => {
    const item = new StatusItem(options);
    const showOrHide = () => item.setHidden(!item.isActive);
    bridges.currentChanged.connect(showOrHide);
    item.disposed.connect(() => bridges.currentChanged.disconnect(showOrHide));
    showOrHide();
    toolbar.addItem('codeface-status', item);
  };
  tracker.forEach(add);
  tracker.widgetAdded.connect((_, panel) => add(panel));
}

/** Return the session's state in one line. */
function describeStatus(status: Status | null, trans: TranslationBundle): string {
  // What changes comes first: the bar cuts what is long.
  return status
    ? [describeState(status, trans), status.model, status.engine].filter(Boolean).join(' · ')
    : 'CodeFace';
}

function describeState({ state, tokens_per_s: rate }: Status, trans: TranslationBundle): string {
  switch (state) {
    case 'idle':
      return trans.__('idle');
    case 'loading':
      return trans.__('loading');
    case 'generating':
      return rate === null
        ? trans.__('generating')
        : trans.__('generating %1 tokens/s', rate.toFixed(1));
  }
}
