/** The commands that accept a part of what is suggested, and that switch suggestions on and off. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { ICompletedPanels, isOn, isOnByDefault } from './completedPanels';
import type { GhostText } from './ghostText';
import { setGhostText } from './notebook';
import { IBridges, isPython } from './openNotebooks';
import { firstLine, firstWord } from './suggestion';

export namespace GhostTextCommandIDs {
  export const acceptWord = 'codeface:accept-word';
  export const acceptLine = 'codeface:accept-line';
  export const toggle = 'codeface:toggle-ghost-text';
}

/** What the commands need. */
interface IGhostTextCommandOptions {
  app: JupyterFrontEnd;
  bridges: IBridges;
  ghostText: GhostText;
  palette: ICommandPalette | null;
  panels: ICompletedPanels;
  tracker: INotebookTracker;
  trans: TranslationBundle;
}

/** Add the commands to the application and to its palette. */
export function addGhostTextCommands(options: IGhostTextCommandOptions): void {
  const { ghostText, palette, panels, trans } = options;
  const { commands } = options.app;
  const isEnabled = () => ghostText.isSuggesting(panels.current);
  commands.addCommand(GhostTextCommandIDs.acceptWord, {
    label: trans.__('Accept the next word of the suggestion'),
    caption: trans.__('Take the next word of the grey text; the rest stays'),
    isEnabled,
    execute: () => ghostText.accept(panels.current, firstWord)
  });
  commands.addCommand(GhostTextCommandIDs.acceptLine, {
    label: trans.__('Accept the next line of the suggestion'),
    caption: trans.__('Take the next line of the grey text; the rest stays'),
    isEnabled,
    execute: () => ghostText.accept(panels.current, firstLine)
  });
  addToggle(options);
  for (const command of Object.values(GhostTextCommandIDs)) {
    palette?.addItem({ command, category: 'CodeFace' });
  }
}

/** Add the command by which a notebook says whether it has ghost text. */
function addToggle(options: IGhostTextCommandOptions): void {
  const { app, bridges, ghostText, panels, tracker, trans } = options;
  const { settings } = bridges;
  const { commands } = app;
  commands.addCommand(GhostTextCommandIDs.toggle, {
    label: trans.__('Ghost text in this notebook'),
    caption: trans.__('Suggest code in grey while it is typed'),
    isEnabled: () => isPython(tracker.currentWidget),
    isToggled: () => isOn(tracker.currentWidget, settings),
    execute: () => {
      const panel = tracker.currentWidget;
      const wanted = !isOn(panel, settings);
      if (panel) {
        ghostText.dismiss(panels.find(widget => widget === panel));
        const { sharedModel } = panel.context.model;
        setGhostText(sharedModel, wanted === isOnByDefault(panel, settings) ? null : wanted);
        commands.notifyCommandChanged(GhostTextCommandIDs.toggle);
      }
    }
  });
  const notify = () => commands.notifyCommandChanged(GhostTextCommandIDs.toggle);
  settings.changed.connect(notify);
  tracker.currentChanged.connect(notify);
}
