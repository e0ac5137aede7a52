/** Ghost text: suggests code at the cursor of a cell, by JupyterLab's own means. */

import type { Extension } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import type { Cell } from '@jupyterlab/cells';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import {
  CompletionHandler,
  ICompletionProviderManager,
  IInlineCompletionContext,
  IInlineCompletionList,
  IInlineCompletionProvider,
  InlineCompletionTriggerKind
} from '@jupyterlab/completer';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { NotebookBridge } from './bridge';
import type { ICompletedPanel, ICompletedPanels } from './completedPanels';
import { isCompletable } from './completionPlace';
import { Completions, wait } from './completions';
import { describePlace } from './completionWanted';
import { IEditorWatcher, watched } from './ghostTextEditors';
import { logoIcon } from './icons';
import { LoadOffer } from './loadOffer';
import { beginStep } from './notebook';
import type { IBridges } from './openNotebooks';
import type { CompletionWanted } from './protocol';
import { beginningOf, isQuestion } from './prose';
import { IPlace, Suggestion } from './suggestion';
import { TypingPace } from './typingPace';

/** JupyterLab's name for an editor in which Tab takes a suggestion, and for one with a list open. */
const SUGGESTING = 'jp-mod-inline-completer-active';
const LISTING = 'jp-mod-completer-active';
/** JupyterLab's own provider, which only looks into what has been run. */
const HISTORY = '@jupyterlab/inline-completer:history';
const WARM_UP_DELAY_MS = 300;

/** A cursor in an editor that can have suggestions. */
interface IEditorPlace extends IPlace {
  readonly panel: ICompletedPanel;
  readonly cell: Cell;
  readonly view: EditorView;
  readonly bridge: NotebookBridge;
  readonly completions: Completions;
}

/** Suggests what the kernel completes. */
export class GhostText implements IInlineCompletionProvider, IEditorWatcher {
  constructor(options: GhostText.IOptions) {
    this._options = options;
    this._loadOffer = new LoadOffer(options.trans);
  }

  readonly identifier = 'codeface-jupyter:ghost-text';
  readonly name = 'CodeFace';
  readonly icon = logoIcon;
  // JupyterLab's own wait is the same for everybody; `TypingPace` has ours.
  readonly schema = { default: { autoFillInMiddle: true, debouncerDelay: 0, timeout: 15000 } };

  /** What makes an editor tell of what happens in it. */
  get extension(): Extension {
    return watched(this);
  }

  /** Return what can be suggested; JupyterLab shows it if nothing has changed meanwhile. */
  async fetch(
    { text, offset }: CompletionHandler.IRequest,
    { triggerKind, widget }: IInlineCompletionContext
  ): Promise<IInlineCompletionList> {
    const isAskedFor = triggerKind === InlineCompletionTriggerKind.Invoke && !this._isOffering;
    const panel = this._options.panels.find(panel => panel === widget);
    // JupyterLab counts characters, and editors what JavaScript takes for them.
    const cursor = [...text].slice(0, offset).join('').length;
    const place = this._placeIn(panel, { text, cursor });
    const insertText = place && (await this._suggestAt(place, isAskedFor));
    return { items: insertText ? [{ insertText }] : [] };
  }

  /** Whether something is suggested at the cursor of a panel. */
  isSuggesting(panel: ICompletedPanel | null): boolean {
    const place = this._placeIn(panel);
    return Boolean(place?.completions.suggestion?.restAt(place));
  }

  /**
   * Accept the beginning of what is suggested; the rest stays.
   *
   * @param beginning - Returns the beginning of a text.
   */
  accept(panel: ICompletedPanel | null, beginning: (text: string) => string): void {
    const place = this._placeIn(panel);
    const rest = place?.completions.suggestion?.restAt(place);
    if (!place || !rest) {
      return;
    }
    const { view, prefix } = place;
    const insert = beginning(rest);
    view.focus();
    view.dispatch({
      changes: { from: prefix.length, insert },
      selection: { anchor: prefix.length + insert.length },
      scrollIntoView: true,
      userEvent: 'input.complete'
    });
    if (insert !== rest && !this._options.manager.inline?.isActive(place.panel.widget.id)) {
      this._offer(place.panel);
    }
  }

  /** Take back what is suggested, and ask for nothing until something is typed. */
  dismiss(panel: ICompletedPanel | null): void {
    const completions = this._placeIn(panel)?.completions;
    if (completions) {
      completions.cancel();
      completions.suggestion = null;
    }
  }

  edited(view: EditorView): void {
    this._pace.typed(performance.now());
    this._editedByHand.add(view);
    const { doc, selection } = view.state;
    const line = doc.lineAt(selection.main.head);
    const place = line.text.trim() ? null : this._placeOf(view);
    if (!place) {
      return;
    }
    // JupyterLab itself asks for nothing in a line that is blank.
    place.completions.cancel();
    if (place.prefix.trim() && this._isAlone) {
      window.setTimeout(() => this._offer(place.panel));
    }
  }

  changed(view: EditorView): void {
    this._editedByHand.delete(view);
  }

  inserted(view: EditorView): void {
    const place = this._placeOf(view);
    if (place) {
      beginStep(place.cell.model.sharedModel);
    }
  }

  moved(view: EditorView): void {
    const place = this._placeOf(view);
    if (!place) {
      return;
    }
    const { completions } = place;
    completions.cancel();
    if (completions.suggestion && !completions.suggestion.restAt(place)) {
      completions.suggestion = null;
      // JupyterLab leaves it shown after some moves, and accepting it would replace what is
      // between it and the cursor; it goes when the pointer goes down somewhere else.
      void Promise.resolve().then(() =>
        view.dom.dispatchEvent(new Event('pointerdown', { bubbles: true }))
      );
    }
  }

  focused(view: EditorView): void {
    window.clearTimeout(this._warmUpTimer);
    this._warmUpTimer = window.setTimeout(() => {
      const place = this._placeOf(view);
      if (place && view.hasFocus && !isQuestion(beginningOf(view.state.doc))) {
        void place.completions.warmUp(this._wantedAt(place, false));
      }
    }, WARM_UP_DELAY_MS);
  }

  blurred(view: EditorView): void {
    this._placeOf(view)?.completions.cancel();
  }

  private async _suggestAt(place: IEditorPlace, isAskedFor: boolean): Promise<string> {
    const { completions, view } = place;
    const signal = completions.begin();
    const rest = completions.suggestion?.restAt(place) ?? null;
    if (rest) {
      return rest;
    }
    if (completions.suggestion) {
      completions.suggestion = null;
      releaseTab(view);
    }
    const isNext = rest === '';
    // Also if there is no delay: this may be called while the editor is being updated.
    await wait(isAskedFor || isNext ? 0 : this._delay, signal);
    const isWanted = isAskedFor || isNext || this._editedByHand.has(view);
    if (signal.aborted || !isWanted || !isFree(place) || !isCompletable(view.state, isAskedFor)) {
      return '';
    }
    return this._ask(place, isAskedFor, signal);
  }

  private async _ask(
    place: IEditorPlace,
    isAskedFor: boolean,
    signal: AbortSignal
  ): Promise<string> {
    const { bridge, completions } = place;
    window.clearTimeout(this._warmUpTimer);
    const begun = performance.now();
    const completion = await completions.complete(this._wantedAt(place, isAskedFor), signal);
    if (completion?.silence === 'unloaded') {
      this._loadOffer.make(bridge, completions.hasLostModel);
    }
    if (!completion?.text || signal.aborted || !isFree(place)) {
      return '';
    }
    this._pace.answered(performance.now() - begun);
    completions.suggestion = new Suggestion(place, completion.text);
    return completion.text;
  }

  /** Whether nobody else suggests anything, who would be asked as if the user wanted it. */
  private get _isAlone(): boolean {
    const providers = this._options.manager.inlineProviders ?? [];
    return providers.every(({ identifier }) => [this.identifier, HISTORY].includes(identifier));
  }

  /** Have JupyterLab ask where it would not by itself. */
  private _offer({ widget: { id } }: ICompletedPanel): void {
    this._isOffering = true;
    this._options.manager.inline?.invoke(id);
    this._isOffering = false;
  }

  private get _delay(): number {
    return this._options.bridges.settings.ghostTextDelay || this._pace.delay;
  }

  private _wantedAt(place: IEditorPlace, isAskedFor: boolean): CompletionWanted {
    const { settings } = this._options.bridges;
    return describePlace(place.panel.sourcesAbove(), place, {
      max_lines: settings.ghostTextLines,
      is_asked_for: isAskedFor,
      while_busy: settings.ghostTextWhileBusy,
      on_battery: settings.ghostTextOnBattery
    });
  }

  private _placeOf(view: EditorView): IEditorPlace | null {
    const place = this._placeIn(this._options.panels.find(({ node }) => node.contains(view.dom)));
    return place?.view === view ? place : null;
  }

  /** The cursor in the cell that is typed in; null where nothing can be suggested at all. */
  private _placeIn(
    panel: ICompletedPanel | null,
    request?: { text: string; cursor: number }
  ): IEditorPlace | null {
    const cell = panel?.cell;
    const bridge = panel?.bridge;
    const editor = cell?.editor;
    if (!panel?.isOn || !cell || !bridge?.isLive || !(editor instanceof CodeMirrorEditor)) {
      return null;
    }
    const view = editor.editor;
    const text = request?.text ?? view.state.doc.toString();
    const cursor = request?.cursor ?? view.state.selection.main.head;
    const completions = this._completionsOf(bridge);
    const prefix = text.slice(0, cursor);
    const suffix = text.slice(cursor);
    return { panel, cell, view, bridge, completions, cellId: cell.model.id, prefix, suffix };
  }

  private _completionsOf(bridge: NotebookBridge): Completions {
    const completions = this._completions.get(bridge) ?? new Completions(bridge);
    this._completions.set(bridge, completions);
    return completions;
  }

  private readonly _options: GhostText.IOptions;
  private readonly _completions = new WeakMap<NotebookBridge, Completions>();
  private readonly _editedByHand = new WeakSet<EditorView>();
  private readonly _pace = new TypingPace();
  private readonly _loadOffer: LoadOffer;
  private _isOffering = false;
  private _warmUpTimer = 0;
}

export namespace GhostText {
  /** What ghost text needs. */
  export interface IOptions {
    bridges: IBridges;
    manager: Pick<ICompletionProviderManager, 'inline' | 'inlineProviders'>;
    panels: ICompletedPanels;
    trans: TranslationBundle;
  }
}

/** Whether the cursor is still there, and no list of names is in its way. */
function isFree({ view, prefix, suffix }: IEditorPlace): boolean {
  const { doc, selection } = view.state;
  return (
    selection.main.head === prefix.length &&
    doc.length === prefix.length + suffix.length &&
    !view.dom.closest(`.${LISTING}`)
  );
}

/** Let Tab do what it does, which JupyterLab forgets once something else has been typed. */
function releaseTab(view: EditorView): void {
  // JupyterLab draws a last time after this.
  window.setTimeout(() => view.dom.closest(`.${SUGGESTING}`)?.classList.remove(SUGGESTING));
}
