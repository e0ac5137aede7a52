/** The plugins; what they do is in the other modules. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';

import { Announcer } from './announcer';
import { addCommands, CommandIDs } from './commands';
import { ERROR_MIME, ErrorRenderer } from './errorRenderer';
import { GhostText } from './ghostText';
import { addGhostTextCommands } from './ghostTextCommands';
import { UntrustedMarkdown } from './markdown';
import { Bridges, IBridges } from './openNotebooks';
import { askPlaceholder, proseExtension } from './prose';
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
    document.body.append(new Announcer({ bridges }).node);
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

/** Shows questions as prose, and how to ask in an empty cell. */
const editors: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:editors',
  description: 'Shows a question in a cell as prose, and how to ask in an empty cell.',
  autoStart: true,
  requires: [IBridges, IEditorExtensionRegistry],
  activate: (app: JupyterFrontEnd, bridges: IBridges, registry: IEditorExtensionRegistry) => {
    registry.addExtension({
      name: 'codeface:prose',
      factory: ({ model }) =>
        EditorExtensionRegistry.createImmutableExtension(
          proseExtension(model.sharedModel.getSource())
        )
    });
    registry.addExtension({
      name: 'codeface:ask',
      factory: () =>
        EditorExtensionRegistry.createImmutableExtension(
          askPlaceholder(() => void app.commands.execute(CommandIDs.ask))
        )
    });
    const { settings } = bridges;
    const show = () =>
      document.body.classList.toggle('jp-mod-codefaceAsk', settings.askInEmptyCells);
    settings.changed.connect(show);
    show();
  }
};

/** Suggests code while it is typed. */
const ghostText: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:ghost-text',
  description: 'Suggests code at the cursor while it is typed.',
  autoStart: true,
  requires: [IBridges, INotebookTracker],
  optional: [ICompletionProviderManager, IEditorExtensionRegistry, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    manager: ICompletionProviderManager | null,
    registry: IEditorExtensionRegistry | null,
    palette: ICommandPalette | null
  ) => {
    if (!manager || !registry) {
      return;
    }
    const ghostText = new GhostText({ bridges, manager, tracker });
    manager.registerInlineProvider(ghostText);
    registry.addExtension({
      name: 'codeface:ghost-text',
      factory: () => EditorExtensionRegistry.createImmutableExtension(ghostText.extension)
    });
    addGhostTextCommands({ app, bridges, ghostText, palette, tracker });
    // The notebook takes the key before the editor hears of it.
    document.addEventListener(
      'keydown',
      ({ key }) => key === 'Escape' && ghostText.dismiss(tracker.currentWidget),
      true
    );
  }
};

export default [notebooks, commands, status, editors, ghostText];
