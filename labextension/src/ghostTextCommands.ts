/** The commands that accept a part of what is suggested, and that switch suggestions on and off. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

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
  tracker: INotebookTracker;
  trans: TranslationBundle;
}

/** Add the commands to the application and to its palette. */
export function addGhostTextCommands(options: IGhostTextCommandOptions): void {
  const { ghostText, palette, tracker, trans } = options;
  const { commands } = options.app;
  const isEnabled = () => ghostText.isSuggesting(tracker.currentWidget);
  commands.addCommand(GhostTextCommandIDs.acceptWord, {
    label: trans.__('Accept the next word of the suggestion'),
    caption: trans.__('Take the next word of the grey text; the rest stays'),
    isEnabled,
    execute: () => ghostText.accept(tracker.currentWidget, firstWord)
  });
  commands.addCommand(GhostTextCommandIDs.acceptLine, {
    label: trans.__('Accept the next line of the suggestion'),
    caption: trans.__('Take the next line of the grey text; the rest stays'),
    isEnabled,
    execute: () => ghostText.accept(tracker.currentWidget, firstLine)
  });
  addToggle(options);
  for (const command of Object.values(GhostTextCommandIDs)) {
    palette?.addItem({ command, category: 'CodeFace' });
  }
}

/** Add the command by which a notebook says whether it has ghost text. */
function addToggle({ app, bridges, ghostText, tracker, trans }: IGhostTextCommandOptions): void {
  const { commands } = app;
  commands.addCommand(GhostTextCommandIDs.toggle, {
    label: trans.__('Ghost text in this notebook'),
    caption: trans.__('Suggest code in grey while it is typed'),
    isEnabled: () => isPython(tracker.currentWidget),
    isToggled: () => ghostText.isOn(tracker.currentWidget),
    execute: () => {
      const panel = tracker.currentWidget;
      const wanted = !ghostText.isOn(panel);
      if (panel) {
        ghostText.dismiss(panel);
        const { sharedModel } = panel.context.model;
        setGhostText(sharedModel, wanted === ghostText.isOnByDefault(panel) ? null : wanted);
        commands.notifyCommandChanged(GhostTextCommandIDs.toggle);
      }
    }
  });
  const notify = () => commands.notifyCommandChanged(GhostTextCommandIDs.toggle);
  bridges.settings.changed.connect(notify);
  tracker.currentChanged.connect(notify);
}
