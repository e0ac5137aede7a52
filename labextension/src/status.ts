/** The status bar's item: the model, the engine and what they are doing. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { GhostTextCommandIDs } from './ghostTextCommands';
import type { IBridges } from './openNotebooks';
import type { Status } from './protocol';

/** Shows the session of the notebook in front; empty when there is none. */
export class StatusItem extends Widget {
  constructor(options: { bridges: IBridges; commands: CommandRegistry }) {
    super({ node: document.createElement('button') });
    const { bridges, commands } = options;
    this._bridges = bridges;
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
    const text = describeStatus(this._bridges.current?.status ?? null);
    this.node.textContent = text;
    const ghostText = this._hasGhostText ? 'on' : 'off';
    this.node.title = `${text}\nGhost text is ${ghostText}\nChoose the CodeFace model`;
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
}

/** Show the state in the toolbar of each notebook, as Notebook 7 has no status bar. */
export function addToToolbars(options: {
  bridges: IBridges;
  commands: CommandRegistry;
  tracker: INotebookTracker;
}): void {
  const { bridges, commands, tracker } = options;
  const add = ({ toolbar }: NotebookPanel) => {
    const item = new StatusItem({ bridges, commands });
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
function describeStatus(status: Status | null): string {
  if (!status) {
    return 'CodeFace';
  }
  const rate = status.tokens_per_s === null ? '' : ` ${status.tokens_per_s.toFixed(1)} tokens/s`;
  const state = status.state === 'generating' ? `generating${rate}` : status.state;
  // What changes comes first: the bar cuts what is long.
  return [state, status.model, status.engine].filter(Boolean).join(' · ');
}
