/** The commands: each inserts and runs a magic cell that the user can see, change and undo. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { stopIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { AskDialogs } from './askDialog';
import { cellAt, goToCell } from './cellLocation';
import { logoIcon } from './icons';
import { askCells, editCells, explainCells, fixCells, ISubject } from './magicCells';
import { chooseModel } from './modelPicker';
import { asksInRunAll, findBelow, insertBelow, isLocked, setAsksInRunAll } from './notebook';
import { notifyFailure } from './notifications';
import { IBridges, isPython } from './openNotebooks';
import { ReadAhead } from './readAhead';

export namespace CommandIDs {
  export const ask = 'codeface:ask-below';
  export const explain = 'codeface:explain-selection';
  export const edit = 'codeface:edit-cell';
  export const fix = 'codeface:fix-error';
  export const stop = 'codeface:stop';
  export const chooseModel = 'codeface:choose-model';
  export const showStats = 'codeface:show-stats';
  export const askInRunAll = 'codeface:toggle-ask-in-run-all';
}

/** What the commands need. */
interface ICommandOptions {
  app: JupyterFrontEnd;
  bridges: IBridges;
  palette: ICommandPalette | null;
  tracker: INotebookTracker;
  trans: TranslationBundle;
}

/** What it takes to run cells. */
type IRunOptions = Pick<ICommandOptions, 'bridges' | 'tracker' | 'trans'>;

/** Add the commands to the application and to its palette. */
export function addCommands(options: ICommandOptions): void {
  const { app, bridges, palette, tracker, trans } = options;
  const { commands } = app;
  const hasCell = () => isPython(tracker.currentWidget) && tracker.activeCell !== null;
  const dialogs = new AskDialogs(trans);
  const readAhead = new ReadAhead({ bridges, tracker });
  // By itself: what is typed does not wait for an error that perhaps nobody asks about.
  const errors = new ReadAhead({ bridges, tracker });
  const isLive = () => bridges.current?.isLive === true;
  const isLoaded = () => bridges.settings.loadOnDemand || isLive();
  const runBelow = (sources: string[], cell = tracker.activeCell) =>
    runBelowCell(options, sources, cell);

  commands.addCommand(CommandIDs.ask, {
    label: trans.__('Ask CodeFace…'),
    caption: trans.__('Ask CodeFace for code below this cell'),
    icon: logoIcon,
    isEnabled: hasCell,
    execute: async args => {
      if (isReadOnly(options)) {
        return false;
      }
      const request = await textOf(args.request, () =>
        dialogs.ask(
          'ask',
          {
            title: trans.__('Ask CodeFace'),
            label: trans.__('What do you want?'),
            placeholder: trans.__('plot the mean of each column'),
            accept: trans.__('Ask')
          },
          text => readAhead.typedToAsk(text)
        )
      );
      readAhead.forget();
      return request && runAsking(options, askCells(request, isLoaded()));
    }
  });
  commands.addCommand(CommandIDs.explain, {
    label: trans.__('Explain with CodeFace'),
    caption: trans.__('Explain the selected name or code, or the whole cell'),
    isEnabled: hasCell,
    execute: () => runBelow(explainCells(subjectOf(tracker.activeCell), isLoaded()))
  });
  commands.addCommand(CommandIDs.edit, {
    label: trans.__('Edit with CodeFace…'),
    caption: trans.__('Rewrite the selected cell as you ask'),
    isEnabled: hasCell,
    execute: async args => {
      if (isReadOnly(options) || isActiveLocked(options)) {
        return false;
      }
      // What is selected while the dialog is open is not what was meant.
      const subject = subjectOf(tracker.activeCell);
      const wish = await textOf(args.instruction, () =>
        dialogs.ask(
          `edit ${subject.cellId}`,
          {
            title: trans.__('Edit this cell'),
            label: trans.__('How is the cell to be changed?'),
            placeholder: trans.__('use a list comprehension'),
            accept: trans.__('Edit')
          },
          text => readAhead.typedToEdit(text, subject)
        )
      );
      readAhead.forget();
      return wish && runBelow(editCells(wish, subject, isLoaded()));
    }
  });
  commands.addCommand(CommandIDs.fix, {
    label: trans.__('Explain and fix with CodeFace'),
    caption: trans.__("Explain the cell's error and repair it"),
    isEnabled: hasCell,
    execute: args => {
      const failed = cellOf(tracker, args.cellId);
      errors.forget();
      errors.followErrors();
      return runBelow(fixCells(subjectOf(failed), isLoaded()), failed);
    }
  });
  commands.addCommand(CommandIDs.stop, {
    label: trans.__('Stop the CodeFace answer'),
    caption: trans.__('Stop here and keep the answer so far'),
    icon: stopIcon,
    isEnabled: isLive,
    execute: () => bridges.current?.stop()
  });
  commands.addCommand(CommandIDs.chooseModel, {
    label: trans.__('Choose the CodeFace model…'),
    caption: trans.__('Choose the model and the engine, load or unload it'),
    isEnabled: isLive,
    execute: async () => {
      if (bridges.current && (await chooseModel(bridges.current, trans))) {
        await showStats(bridges, trans);
      }
    }
  });
  commands.addCommand(CommandIDs.showStats, {
    label: trans.__('Show CodeFace statistics'),
    caption: trans.__("Show what the session's answers have cost"),
    isEnabled: isLive,
    execute: () => showStats(bridges, trans)
  });
  addRunAllCommand(options);
  const notifyAll = () => commands.notifyCommandChanged();
  bridges.currentChanged.connect(notifyAll);
  tracker.activeCellChanged.connect(notifyAll);
  for (const command of Object.values(CommandIDs)) {
    palette?.addItem({ command, category: 'CodeFace' });
  }
}

/** Add the command by which a notebook says whether Run All asks again. */
function addRunAllCommand({ app, bridges, tracker, trans }: ICommandOptions): void {
  const notebook = () => tracker.currentWidget?.context.model.sharedModel ?? null;
  const byDefault = () => bridges.settings.asksInRunAll;
  const asks = () => {
    const shared = notebook();
    return (shared && asksInRunAll(shared)) ?? byDefault();
  };
  app.commands.addCommand(CommandIDs.askInRunAll, {
    label: trans.__('Answer CodeFace requests in Run All of this notebook'),
    caption: trans.__('Otherwise they are answered only when they are run by hand'),
    isEnabled: () => isPython(tracker.currentWidget),
    isToggled: asks,
    execute: () => {
      const shared = notebook();
      const wanted = !asks();
      if (shared) {
        setAsksInRunAll(shared, wanted === byDefault() ? null : wanted);
      }
    }
  });
}

/** Ask in the active cell if it is empty, else below it. */
async function runAsking(options: IRunOptions, sources: string[]): Promise<boolean> {
  const { bridges, tracker } = options;
  const panel = tracker.currentWidget;
  const cell = tracker.activeCell;
  const [source, ...more] = sources;
  if (!panel || !cell || source === undefined || more.length || !takesQuestion(cell)) {
    return runBelowCell(options, sources, cell);
  }
  cell.model.sharedModel.setSource(source);
  await goToCell(panel, cell.model.id);
  bridges.runByHand([cell]);
  return NotebookActions.runCells(panel.content, [cell], panel.sessionContext);
}

/** Whether a question may be written into a cell: there is nothing in it. */
function takesQuestion({ model: { sharedModel, type } }: Cell): boolean {
  return type === 'code' && !sharedModel.getSource().trim() && !isLocked(sharedModel);
}

/** Whether the active cell cannot be edited, which is said: before it is typed how. */
function isActiveLocked({ tracker, trans }: IRunOptions): boolean {
  const { activeCell: cell } = tracker;
  const isActiveLocked = cell !== null && isLocked(cell.model.sharedModel);
  if (isActiveLocked) {
    notifyFailure(trans.__('This cell is locked, so it cannot be edited.'));
  }
  return isActiveLocked;
}

/** Whether the notebook takes no cells, which is said: before anything is typed for one. */
function isReadOnly({ tracker, trans }: IRunOptions): boolean {
  const isReadOnly = tracker.currentWidget?.context.model.readOnly === true;
  if (isReadOnly) {
    notifyFailure(trans.__('This notebook is read-only, so no cell can be added that asks.'));
  }
  return isReadOnly;
}

/**
 * Insert cells below another one, as one step of the undo history, and run them.
 *
 * Cells that are there already are not inserted a second time: they run again, unless they still
 * run from a click a moment ago.
 */
async function runBelowCell(
  options: IRunOptions,
  sources: string[],
  cell: Cell | null
): Promise<boolean> {
  const { bridges, tracker } = options;
  const panel = tracker.currentWidget;
  if (!panel || !cell || isReadOnly(options)) {
    return false;
  }
  const { id } = cell.model;
  const notebook = panel.context.model.sharedModel;
  const known = findBelow(notebook, id, sources);
  const cells = sources.map(source => ({ cell_type: 'code' as const, source }));
  const ids = known ?? insertBelow(notebook, id, cells);
  const asking = panel.content.widgets.filter(cell => ids.includes(cell.model.id));
  await goToCell(panel, ids.at(-1) ?? id);
  if (known && asking.some(isRunning)) {
    return false;
  }
  bridges.runByHand(asking);
  return NotebookActions.runCells(panel.content, asking, panel.sessionContext);
}

function isRunning({ model }: Cell): boolean {
  return 'executionState' in model && model.executionState === 'running';
}

/** Return the cell that is named, as by a button in it, else the active one. */
function cellOf(
  { activeCell, currentWidget: panel }: INotebookTracker,
  cellId: unknown
): Cell | null {
  const isNamed = panel !== null && typeof cellId === 'string';
  return (isNamed ? cellAt({ panel, cellId }) : undefined) ?? activeCell;
}

function subjectOf(cell: Cell | null): ISubject {
  const model = cell?.model.sharedModel;
  const editor = cell?.editor;
  const source = model?.getSource() ?? '';
  const selection = editor?.getSelection();
  const selected =
    editor && selection
      ? source.slice(editor.getOffsetAt(selection.start), editor.getOffsetAt(selection.end))
      : '';
  const isCode = cell?.model.type === 'code';
  return { cellId: model?.id ?? '', source, selection: selected, isCode };
}

/** Return the text that a command was given, or ask for it; empty if the user wants none. */
async function textOf(given: unknown, ask: () => Promise<string>): Promise<string> {
  return typeof given === 'string' ? given.trim() : ask();
}

async function showStats(bridges: IBridges, trans: TranslationBundle): Promise<void> {
  const stats = await bridges.current?.request('get_stats', {}).catch(notifyFailure);
  if (!stats) {
    return;
  }
  const body = new Widget({ node: document.createElement('pre') });
  body.addClass('jp-CodeFace-stats');
  body.node.textContent = stats.text || trans.__('Nothing has been asked yet.');
  const buttons = [Dialog.okButton({ label: trans.__('Close') })];
  await showDialog({ title: 'CodeFace', body, buttons });
}
