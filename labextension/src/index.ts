/** The plugins; what they do is in the other modules. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { IConsoleTracker } from '@jupyterlab/console';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';

import { Announcer } from './announcer';
import { BatchRenderer } from './batchRenderer';
import { CarriedAnswers } from './carriedAnswers';
import { addCommands, CommandIDs } from './commands';
import { CompletedPanels } from './completedPanels';
import { ERROR_MIME, ErrorRenderer } from './errorRenderer';
import { GhostText } from './ghostText';
import { addGhostTextCommands } from './ghostTextCommands';
import { isComposed, keysOf } from './keyboard';
import { UntrustedMarkdown } from './markdown';
import { ConsoleBridges } from './openConsoles';
import { MovedQuestions } from './movedQuestions';
import { Bridges, IBridges } from './openNotebooks';
import { askPlaceholder, proseExtension } from './prose';
import { BATCH_MIME, RESULT_MIME, STREAM_MIME } from './protocol';
import { ReadAhead } from './readAhead';
import { ResultRenderer } from './resultRenderer';
import { Settings } from './settings';
import { addToToolbars, StatusItem } from './status';
import { StreamRenderer } from './streamRenderer';

const PLUGIN_ID = 'codeface-jupyter:plugin';
const DOMAIN = 'codeface_jupyter';
const ENGLISH = 'en';

/** Return what translates this extension's texts; they stay English without a translator. */
function bundleOf(translator: ITranslator | null): TranslationBundle {
  return (translator ?? nullTranslator).load(DOMAIN);
}

/**
 * Load our settings, in the page's language.
 *
 * JupyterLab's server translates them when it is asked for them alone, and not in the list of all
 * settings with which the page begins.
 */
function loadSettings(
  registry: ISettingRegistry | null,
  translator: ITranslator | null
): Promise<ISettingRegistry.ISettings> | undefined {
  const isEnglish = (translator ?? nullTranslator).languageCode === ENGLISH;
  return isEnglish ? registry?.load(PLUGIN_ID) : registry?.reload(PLUGIN_ID);
}

/** Connects notebooks to their kernels, and renders results and errors. */
const notebooks: JupyterFrontEndPlugin<IBridges> = {
  id: PLUGIN_ID,
  description: "Connects notebooks to their kernels' CodeFace sessions and renders the answers.",
  autoStart: true,
  provides: IBridges,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = bundleOf(translator);
    const settings = new Settings();
    const bridges = new Bridges({ tracker, settings, trans });
    const markdown = new UntrustedMarkdown(rendermime, trans);
    document.body.append(new Announcer({ bridges, trans }).node);
    const carried = new CarriedAnswers();
    const moved = new MovedQuestions();
    const options = { bridges, markdown, moved, settings, tracker, trans };
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [RESULT_MIME],
        createRenderer: () => new ResultRenderer(options)
      },
      0
    );
    rendermime.addFactory(
      { safe: true, mimeTypes: [BATCH_MIME], createRenderer: () => new BatchRenderer(options) },
      0
    );
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [STREAM_MIME],
        createRenderer: () =>
          new StreamRenderer({ bridges, carried, markdown, rendermime, tracker, trans })
      },
      // Before the result that a new answer is to replace.
      -1
    );
    const { commands } = app;
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [ERROR_MIME],
        createRenderer: () => new ErrorRenderer({ commands, rendermime, tracker, trans })
      },
      0
    );
    void loadSettings(registry, translator)?.then(loaded => settings.connect(loaded));
    return bridges;
  }
};

/** Adds the commands. */
const commands: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:commands',
  description: 'Adds the commands that ask, explain, edit, fix and stop.',
  autoStart: true,
  requires: [IBridges, INotebookTracker],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => addCommands({ app, bridges, palette, tracker, trans: bundleOf(translator) })
};

/** Shows the session's state in the status bar, or in the toolbar where there is none. */
const status: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:status',
  description: "Shows the model, the engine and the session's state.",
  autoStart: true,
  requires: [IBridges, INotebookTracker],
  optional: [IStatusBar, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const trans = bundleOf(translator);
    if (!statusBar) {
      addToToolbars({ bridges, commands, tracker, trans });
      return;
    }
    const item = new StatusItem({ bridges, commands, trans });
    statusBar.registerStatusItem('codeface-jupyter:status', {
      item,
      align: 'right',
      rank: 20,
      isActive: () => item.isActive,
      activeStateChanged: bridges.currentChanged
    });
  }
};

/** Shows questions as prose, has them read while they are typed, and shows how to ask. */
const editors: JupyterFrontEndPlugin<void> = {
  id: 'codeface-jupyter:editors',
  description:
    'Shows a question as prose, has it read while it is typed, and shows how to ask in an empty cell.',
  autoStart: true,
  requires: [IBridges, INotebookTracker, IEditorExtensionRegistry],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    registry: IEditorExtensionRegistry,
    translator: ITranslator | null
  ) => {
    const trans = bundleOf(translator);
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
          askPlaceholder({
            ask: () => void app.commands.execute(CommandIDs.ask),
            keys: () => keysOf(app.commands, CommandIDs.ask),
            trans
          })
        )
    });
    const readAhead = new ReadAhead({ bridges, tracker });
    registry.addExtension({
      name: 'codeface:read-ahead',
      factory: () => EditorExtensionRegistry.createImmutableExtension(readAhead.extension)
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
  optional: [
    ICompletionProviderManager,
    IEditorExtensionRegistry,
    IConsoleTracker,
    ICommandPalette,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    bridges: IBridges,
    tracker: INotebookTracker,
    manager: ICompletionProviderManager | null,
    registry: IEditorExtensionRegistry | null,
    consoles: IConsoleTracker | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    if (!manager || !registry) {
      return;
    }
    const trans = bundleOf(translator);
    const panels = new CompletedPanels({
      bridges,
      consoles: consoles && {
        bridges: new ConsoleBridges({ bridges, consoles, trans }),
        tracker: consoles
      },
      shell: app.shell,
      tracker
    });
    const ghostText = new GhostText({ bridges, manager, panels, trans });
    manager.registerInlineProvider(ghostText);
    registry.addExtension({
      name: 'codeface:ghost-text',
      factory: () => EditorExtensionRegistry.createImmutableExtension(ghostText.extension)
    });
    addGhostTextCommands({ app, bridges, ghostText, palette, panels, tracker, trans });
    // The notebook takes the key before the editor hears of it.
    document.addEventListener(
      'keydown',
      event => event.key === 'Escape' && !isComposed(event) && ghostText.dismiss(panels.current),
      true
    );
  }
};

export default [notebooks, commands, status, editors, ghostText];
