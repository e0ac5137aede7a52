/** The lasting output of an answer: its text, its code, and buttons that use the code. */

import type { INotebookModel, INotebookTracker } from '@jupyterlab/notebook';
import type { IRenderMime } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { ActionRow } from './actionRow';
import type { IResultPart } from './actions';
import { ICellLocation, locateCell } from './cellLocation';
import { withLines } from './codeSpans';
import { differenceOf, withoutDifference } from './difference';
import { showDifference } from './differenceView';
import { broughtBack } from './earlierAnswers';
import { EarlierList } from './earlierList';
import { FindingList } from './findingList';
import { withFinding } from './findings';
import { keepFocus } from './focusKeeper';
import { FurtherAnswers, IFurther } from './furtherAnswers';
import { makeScrollable } from './keyboard';
import { questionWidget } from './liveAnswer';
import { findListings, UntrustedMarkdown } from './markdown';
import type { MovedQuestions } from './movedQuestions';
import type { IBridges } from './openNotebooks';
import { OutcomeView } from './outcomeView';
import { isResultData, MimeBundle, RESULT_MIME, ResultData } from './protocol';
import { ResultPart } from './resultPart';
import type { ISettings } from './settings';

/** Renders a result. */
export class ResultRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(options: ResultRenderer.IOptions) {
    super();
    this._options = options;
    this.layout = new PanelLayout();
    this.addClass('jp-CodeFace-result');
    options.settings.changed.connect(this._updateActions, this);
    options.bridges.currentChanged.connect(this._refreshRows, this);
  }

  /** Show a result; another one may follow in the same widget. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { markdown, trans } = this._options;
    const data: unknown = model.data[RESULT_MIME];
    const rendering = (this._renderings += 1);
    if (!isResultData(data)) {
      this._data = this._further = null;
      this._fill(textWidget(trans.__('This answer was made by another release of CodeFace.')));
      return;
    }
    const difference = differenceOf(data);
    const text = difference ? withoutDifference(data.text) : data.text;
    const answer = await markdown.render(text);
    if (rendering !== this._renderings || this.isDisposed) {
      answer.dispose();
      return;
    }
    if (difference) {
      showDifference(answer.node, difference, { code: data.blocks[0]?.code ?? '', trans });
    }
    this._data = data;
    this._model = model;
    this._answer = answer;
    this._findings = new FindingList({
      data,
      trans,
      apply: number => this._apply(data, number)
    });
    this._outcome = new OutcomeView(data, trans);
    this._footer = textWidget(data.footer);
    // What is typed there, or being asked, is not lost with what is shown above it.
    this._further ??= this._makeFurther();
    this._further.data = data;
    const earlier = new EarlierList({
      data,
      markdown,
      trans,
      bringBack: number => this._put(broughtBack(model.data, number), 'try-again')
    });
    const asked = data.question ? [questionWidget(data.question)] : [];
    const outcome = new Widget({ node: this._outcome.node });
    // What answers a question stands above the code that computed it.
    const body = data.outcome?.is_answer ? [outcome, answer] : [answer, outcome];
    this._fill(...asked, ...body, this._findings, this._footer, earlier, this._further);
    this._takeMoved();
    this._updateActions();
    this._restoreFocus();
  }

  override dispose(): void {
    const { _further: further, _place: place, _data: data } = this;
    if (!this.isDisposed && further?.isInUse && place && data?.answer_id) {
      further.parent = null;
      this._options.moved.keep(place, data.answer_id, further);
    }
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    const location = locateCell(this._options.tracker, this.node, this._data?.cell_id ?? null);
    this._place = location;
    if (this._takeMoved()) {
      this._updateActions();
    }
    this._notebook = location?.panel.context.model ?? null;
    this._notebook?.contentChanged.connect(this._recheckRows, this);
    this._refreshRows();
  }

  protected override onBeforeDetach(msg: Message): void {
    this._notebook?.contentChanged.disconnect(this._recheckRows, this);
    this._notebook = null;
    keepFocus(this.node);
    super.onBeforeDetach(msg);
  }

  /** Apply a finding, or undo it: the output is changed, and so saved, and rendered anew. */
  private _apply(data: ResultData, number: number): void {
    this._applied = number;
    this._model?.setData({ data: withFinding(this._model.data, data, number) });
  }

  private _restoreFocus(): void {
    if (this._applied !== null) {
      this._findings?.focusButton(this._applied);
    } else if (this._acted !== null) {
      this._answerRow?.focus(this._acted, { preventScroll: true });
    }
    this._applied = this._acted = null;
  }

  /** Put another output in this one's place; an action's button gets the focus. */
  private _put(data: MimeBundle, action: string): void {
    this._acted = action;
    this._model?.setData({ data });
  }

  private _makeFurther(): FurtherAnswers {
    const { bridges, markdown, tracker, trans } = this._options;
    return new FurtherAnswers({ bridges, markdown, tracker, trans }, this._asOwner());
  }

  private _asOwner(): FurtherAnswers.IOwner {
    return {
      node: this.node,
      bundle: () => ({ ...this._model?.data }),
      replace: (bundle, action) => this._put(bundle, action),
      setReplaced: isReplaced => this.toggleClass('jp-mod-replaced', isReplaced),
      focus: (action, options) => this._answerRow?.focus(action, options)
    };
  }

  /** Take over what is typed or asked where the cell was before; return whether there is something. */
  private _takeMoved(): boolean {
    const { _further: own, _place: place, _data: data } = this;
    const layout = this.layout as PanelLayout;
    const moved =
      own && place && data?.answer_id ? this._options.moved.take(place, data.answer_id) : null;
    if (!own || !moved) {
      return false;
    }
    layout.insertWidget(layout.widgets.indexOf(own), moved);
    own.dispose();
    moved.owner = this._asOwner();
    this._further = moved;
    return true;
  }

  /** Show other widgets; one that is there already is not moved, which would end its focus. */
  private _fill(...widgets: Widget[]): void {
    const layout = this.layout as PanelLayout;
    const gone = layout.widgets.filter(widget => !widgets.includes(widget));
    gone.forEach(widget => widget.dispose());
    widgets.forEach((widget, place) => layout.insertWidget(place, widget));
  }

  /** Put a row of buttons under each block, one for all of them and one for the answer. */
  private _updateActions(): void {
    this._added.forEach(node => node.remove());
    this._added = [];
    this._rows = [];
    this._answerRow = null;
    const { _data: data, _answer: answer, _footer: footer, _further: further } = this;
    const isShown = this._options.settings.showButtons;
    if (this._findings && !this._findings.isDisposed) {
      this._findings.showsButtons = isShown;
    }
    if (!data || !answer || !footer || !further || !isShown) {
      return;
    }
    footer.node.append(this._makeRow('answer', data, [], further));
    this._answerRow = this._rows[0] ?? null;
    if (data.insert === 'none') {
      return;
    }
    this._outcome?.addRows(other => this._makeRow('block', other, [0], further));
    const codes = data.blocks.map(block => block.code);
    findListings(answer.node, codes).forEach((found, number) => {
      const listing = found ?? this._appendListing(answer.node, codes[number] ?? '');
      listing.after(this._makeRow('block', data, [number], further));
    });
    if (codes.length > 1) {
      answer.node.after(this._makeRow('blocks', data, [...codes.keys()], further));
    }
  }

  private _makeRow(
    kind: IResultPart['kind'],
    data: ResultData,
    numbers: number[],
    further: IFurther
  ): HTMLElement {
    const { bridges, settings, tracker, trans } = this._options;
    const { node } = this;
    const shown = { kind, node, data, numbers, further };
    const isOneOfMany = this._options.isOneOfMany === true;
    const part = new ResultPart({ ...shown, isOneOfMany, bridges, tracker, settings, trans });
    const row = new ActionRow(part);
    this._rows.push(row);
    this._added.push(row.node);
    return row.node;
  }

  private _refreshRows(): void {
    this._rows.forEach(row => row.update());
  }

  private _recheckRows(): void {
    this._rows.forEach(row => row.recheck());
  }

  private _appendListing(answer: HTMLElement, code: string): HTMLElement {
    const { trans } = this._options;
    const listing = document.createElement('pre');
    listing.textContent = withLines(code);
    makeScrollable(listing, trans.__('code of this answer'));
    answer.append(listing);
    this._added.push(listing);
    return listing;
  }

  private readonly _options: ResultRenderer.IOptions;
  private _notebook: INotebookModel | null = null;
  /** The cell that this has been attached in. */
  private _place: ICellLocation | null = null;
  private _data: ResultData | null = null;
  private _model: IRenderMime.IMimeModel | null = null;
  private _answer: Widget | null = null;
  private _findings: FindingList | null = null;
  private _outcome: OutcomeView | null = null;
  private _footer: Widget | null = null;
  private _further: FurtherAnswers | null = null;
  private _answerRow: ActionRow | null = null;
  /** The action that has put this output here; its button gets the focus. */
  private _acted: string | null = null;
  /** The finding that has just been applied; its button keeps the focus. */
  private _applied: number | null = null;
  private _rows: ActionRow[] = [];
  private _added: HTMLElement[] = [];
  private _renderings = 0;
}

export namespace ResultRenderer {
  /** What a renderer needs. */
  export interface IOptions {
    bridges: IBridges;
    markdown: UntrustedMarkdown;
    /** What is typed or asked under answers whose cells are being moved. */
    moved: MovedQuestions;
    settings: ISettings;
    tracker: INotebookTracker;
    trans: TranslationBundle;
    /** Whether there are other answers in the same output. */
    isOneOfMany?: boolean;
  }
}

function textWidget(text: string): Widget {
  const widget = new Widget();
  widget.node.textContent = text;
  widget.addClass('jp-CodeFace-footer');
  return widget;
}
