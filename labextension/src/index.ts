/** The plugins; what they do is in the other modules. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';

import { addCommands } from './commands';
import { ERROR_MIME, ErrorRenderer } from './errorRenderer';
import { UntrustedMarkdown } from './markdown';
import { Bridges, IBridges } from './openNotebooks';
import { RESULT_MIME, STREAM_MIME } from './protocol';
import { ResultRenderer } from './resultRenderer';
import { Settings } from './settings';
import { addToToolbars, StatusItem } from './status';
import { StreamRenderer } from './streamRenderer';

const PLUGIN_ID = 'codeface-jupyter:plugin';

/** Connects notebooks to their kernels, and renders results and errors. */
const notebooks: JupyterFrontEndPlugin<IBridges> = {
  id: PLUGIN_ID,
  description: "Connects notebooks to their kernels' CodeFace sessions and renders the answers.",
  autoStart: true,
  provides: IBridges,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    registry: ISettingRegistry | null
  ) => {
    const settings = new Settings();
    const bridges = new Bridges({ tracker, settings });
    const markdown = new UntrustedMarkdown(rendermime);
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [RESULT_MIME],
        createRenderer: () => new ResultRenderer({ bridges, markdown, settings, tracker })
      },
      0
    );
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [STREAM_MIME],
        createRenderer: () => new StreamRenderer({ bridges, markdown, rendermime, tracker })
      },
      // Before the result that a new answer is to replace.
      -1
    );
    const { commands } = app;
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [ERROR_MIME],
        createRenderer: () => new ErrorRenderer({ commands, rendermime, tracker })
      },
      0
    );
    void registry?.load(PLUGIN_ID).then(loaded => settings.connect(loaded));
    return bridges;
  }
};

/** Adds the commands. */
const commands: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:commands',
  description: 'Adds the commands that ask, explain, edit, fix and stop.',
  autoStart: true,
  requires: [IBridges, INotebookTracker],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    palette: ICommandPalette | null
  ) => addCommands({ app, bridges, palette, tracker })
};

/** Shows the session's state in the status bar, or in the toolbar where there is none. */
const status: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:status',
  description: "Shows the model, the engine and the session's state.",
  autoStart: true,
  requires: [IBridges, INotebookTracker],
  optional: [IStatusBar],
  activate: (
    { commands }: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    statusBar: IStatusBar | null
  ) => {
    if (!statusBar) {
      addToToolbars({ bridges, commands, tracker });
      return;
    }
    const item = new StatusItem({ bridges, commands });
    statusBar.registerStatusItem('codeface-jupyter:status', {
      item,
      align: 'right',
      rank: 20,
      isActive: () => item.isActive,
      activeStateChanged: bridges.currentChanged
    });
  }
};

export default [notebooks, commands, status];
