/** What is asked under an answer, from the field or the button to the new answer's place. */

import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { PanelLayout, Widget } from '@lumino/widgets';

import { cellAt, locateCell } from './cellLocation';
import { withEarlier } from './earlierAnswers';
import { EndFollower, holdHeight } from './endFollower';
import { LiveAnswer } from './liveAnswer';
import type { UntrustedMarkdown } from './markdown';
import type { IBridges } from './openNotebooks';
import type { AnswerUpdate, MimeBundle, ResultData } from './protocol';
import { QuestionField } from './questionField';

/** What can be asked under an answer; each returns what is to be said of it. */
export interface IFurther {
  openField(): void;
  tryAgain(): Promise<string>;
  goOn(): Promise<string>;
}

type Method = 'try_again' | 'follow_up' | 'continue_answer';

/** Asks the kernel for one answer's sake, and shows what comes. */
export class FurtherAnswers extends Widget implements IFurther {
  constructor(options: FurtherAnswers.IOptions, owner: FurtherAnswers.IOwner) {
    super();
    this._options = options;
    this._owner = owner;
    this.layout = new PanelLayout();
    this._field = new QuestionField({
      trans: options.trans,
      onAsk: question => void this._followUp(question),
      onClose: () => this._closeField()
    });
    this._said.className = 'jp-CodeFace-message';
    this._said.setAttribute('role', 'status');
    this._panel.addWidget(this._field);
    this.node.append(this._said);
  }

  /** Take another answer, or the same one changed; what is typed or being asked stays. */
  set data(data: ResultData) {
    if (data.answer_id !== this._data?.answer_id) {
      this._say('');
    }
    this._data = data;
  }

  /** Take another renderer of the same answer; what is typed or being asked stays. */
  set owner(owner: FurtherAnswers.IOwner) {
    this._owner.setReplaced(false);
    this._owner = owner;
    owner.setReplaced(this._isReplacing);
  }

  /** Whether something is typed or being asked that would be lost. */
  get isInUse(): boolean {
    return this._asking !== null || this._field.hasText;
  }

  override dispose(): void {
    // Nobody sees what would still come.
    this._asking?.abort();
    super.dispose();
  }

  openField(): void {
    this._say('');
    this._field.open();
  }

  tryAgain(): Promise<string> {
    return this._inPlace('try-again', async () => {
      const bundle = await this._ask('try_again', null);
      return bundle && withEarlier(bundle, this._owner.bundle());
    });
  }

  goOn(): Promise<string> {
    return this._inPlace('continue', () => this._ask('continue_answer', null));
  }

  private async _followUp(question: string): Promise<void> {
    this._field.hide();
    try {
      const bundle = await this._ask('follow_up', question);
      if (bundle && this._append(bundle)) {
        this._field.forget(question);
        this._say('');
      } else {
        this._say(this._nothingNew);
      }
    } catch (error) {
      // What was typed is still in the field.
      this._field.show();
      this._say(messageOf(error));
    }
    if (!this._field.node.contains(document.activeElement)) {
      // What comes below is in view, or what the user has scrolled to.
      this._owner.focus('follow-up', { preventScroll: true });
    }
  }

  /** Put an answer in the place of this one; return what is to be said if none comes. */
  private async _inPlace(action: string, ask: () => Promise<MimeBundle | null>): Promise<string> {
    try {
      const bundle = await ask();
      if (bundle) {
        this._followEnd(this._owner.node);
        this._owner.replace(bundle, action);
        return '';
      }
      this._owner.focus(action);
      return this._nothingNew;
    } catch (error) {
      this._owner.focus(action);
      return messageOf(error);
    }
  }

  private async _ask(method: Method, question: string | null): Promise<MimeBundle | null> {
    const { bridges, tracker, trans } = this._options;
    const location = locateCell(tracker, this._owner.node, this._cellId);
    const bridge = bridges.of(location?.panel ?? null);
    const answerId = this._data?.answer_id;
    if (!bridge?.isLive || !answerId) {
      throw new Error(trans.__('The kernel that gave this answer is gone: run its cell again'));
    }
    const asking = (this._asking = new AbortController());
    const live = this._show(question, () => bridge.notify('stop', { answer_id: answerId }));
    const follower = new EndFollower(live.node);
    try {
      const options = {
        signal: asking.signal,
        onPartial: (update: AnswerUpdate) => live.tell(update)
      };
      const payload = { answer_id: answerId };
      const { bundle } = await (method === 'follow_up'
        ? bridge.request(method, { ...payload, question: question ?? '' }, options)
        : bridge.request(method, payload, options));
      if (bundle && this._area) {
        holdHeight(this._area);
      }
      return bundle;
    } finally {
      this._isEndWanted = follower.isFollowing;
      follower.dispose();
      this._asking = null;
      this._setReplaced(false);
      live.dispose();
    }
  }

  /** Show the answer that comes: in the place of this one, or to a question below it. */
  private _show(question: string | null, onStop: () => void): LiveAnswer {
    const { markdown, trans } = this._options;
    const live = new LiveAnswer({ markdown, question, trans, onStop });
    this._panel.addWidget(live);
    this._setReplaced(question === null);
    live.focus();
    return live;
  }

  /** Add an output to the cell, and show its end; false if the cell is gone. */
  private _append(bundle: MimeBundle): boolean {
    const location = locateCell(this._options.tracker, this._owner.node, this._cellId);
    const cell = location ? cellAt(location) : undefined;
    const outputs = (cell?.model as ICodeModel | undefined)?.outputs;
    this._followEnd(this._area);
    outputs?.add({ output_type: 'display_data', data: bundle, metadata: {} });
    return outputs !== undefined;
  }

  /** Show the end of what is put somewhere, if the user has followed it to there. */
  private _followEnd(output: HTMLElement | null): void {
    // Outputs that scroll are high for a moment when JupyterLab adds one to them.
    const isScrolling = output?.closest('.jp-mod-outputsScrolled');
    if (output && this._isEndWanted && !isScrolling) {
      new EndFollower(output).endSoon();
    }
  }

  private _setReplaced(isReplacing: boolean): void {
    this._isReplacing = isReplacing;
    this._owner.setReplaced(isReplacing);
  }

  private get _area(): HTMLElement | null {
    return this.node.closest<HTMLElement>('.jp-OutputArea');
  }

  private _closeField(): void {
    this._field.hide();
    this._owner.focus('follow-up');
  }

  private _say(words: string): void {
    this._said.textContent = words;
  }

  private get _cellId(): string | null {
    return this._data?.cell_id ?? null;
  }

  private get _nothingNew(): string {
    const { trans } = this._options;
    return trans.__('Nothing new came: the answer is as it was');
  }

  private get _panel(): PanelLayout {
    return this.layout as PanelLayout;
  }

  private readonly _options: FurtherAnswers.IOptions;
  private _owner: FurtherAnswers.IOwner;
  private readonly _field: QuestionField;
  private readonly _said = document.createElement('div');
  private _data: ResultData | null = null;
  private _asking: AbortController | null = null;
  /** Whether another answer comes in the place of this one. */
  private _isReplacing = false;
  /** Whether the end of what came last was followed to where it ended. */
  private _isEndWanted = false;
}

export namespace FurtherAnswers {
  /** What is needed to ask. */
  export interface IOptions {
    bridges: IBridges;
    markdown: UntrustedMarkdown;
    tracker: INotebookTracker;
    trans: TranslationBundle;
  }

  /** The answer that it stands under. */
  export interface IOwner {
    /** A node of the answer. */
    node: HTMLElement;
    /** Return the output as it is. */
    bundle: () => MimeBundle;
    /** Put another output in its place, where an action gets the focus. */
    replace: (bundle: MimeBundle, action: string) => void;
    /** Hide the answer while another one comes in its place, or show it. */
    setReplaced: (isReplaced: boolean) => void;
    /** Put the focus on an action's button. */
    focus: (action: string, options?: FocusOptions) => void;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A code cell's model, as far as outputs are added to it. */
interface ICodeModel {
  outputs?: { add: (output: { output_type: string; data: MimeBundle; metadata: object }) => void };
}
