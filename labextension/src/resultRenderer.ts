/** The lasting output of an answer: its text, its code, and buttons that use the code. */

import type { INotebookModel, INotebookTracker } from '@jupyterlab/notebook';
import type { IRenderMime } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { ActionRow } from './actionRow';
import type { IResultPart } from './actions';
import { locateCell } from './cellLocation';
import { FindingList } from './findingList';
import { withFinding } from './findings';
import { keepFocus } from './focusKeeper';
import { findListings, UntrustedMarkdown } from './markdown';
import type { IBridges } from './openNotebooks';
import { isResultData, RESULT_MIME, ResultData } from './protocol';
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
    const data: unknown = model.data[RESULT_MIME];
    const rendering = (this._renderings += 1);
    if (!isResultData(data)) {
      this._data = null;
      this._fill(textWidget('This answer was made by another release of CodeFace.'));
      return;
    }
    const answer = await this._options.markdown.render(data.text);
    if (rendering !== this._renderings || this.isDisposed) {
      answer.dispose();
      return;
    }
    this._data = data;
    this._findings = new FindingList(data, number => this._apply(model, data, number));
    this._fill(answer, this._findings, textWidget(data.footer));
    this._updateActions();
    if (this._applied !== null) {
      this._findings.focusButton(this._applied);
      this._applied = null;
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    const location = locateCell(this._options.tracker, this.node, this._data?.cell_id ?? null);
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
  private _apply(model: IRenderMime.IMimeModel, data: ResultData, number: number): void {
    this._applied = number;
    model.setData({ data: withFinding(model.data, data, number) });
  }

  private _fill(...widgets: Widget[]): void {
    const layout = this.layout as PanelLayout;
    [...layout.widgets].forEach(widget => widget.dispose());
    widgets.forEach(widget => layout.addWidget(widget));
  }

  /** Put a row of buttons under each block, one for all of them and one for the answer. */
  private _updateActions(): void {
    this._added.forEach(node => node.remove());
    this._added = [];
    this._rows = [];
    const data = this._data;
    const [answer, , footer] = (this.layout as PanelLayout).widgets;
    if (this._findings && !this._findings.isDisposed) {
      this._findings.showsButtons = this._options.settings.showButtons;
    }
    if (!data || !answer || !this._options.settings.showButtons) {
      return;
    }
    (footer ?? answer).node.append(this._makeRow('answer', data, []));
    if (data.insert === 'none') {
      return;
    }
    const codes = data.blocks.map(block => block.code);
    findListings(answer.node, codes).forEach((found, number) => {
      const listing = found ?? this._appendListing(answer.node, codes[number] ?? '');
      listing.after(this._makeRow('block', data, [number]));
    });
    if (codes.length > 1) {
      answer.node.after(this._makeRow('all blocks', data, [...codes.keys()]));
    }
  }

  private _makeRow(kind: IResultPart['kind'], data: ResultData, numbers: number[]): HTMLElement {
    const { bridges, settings, tracker } = this._options;
    const { node } = this;
    const part = new ResultPart({ kind, bridges, tracker, settings, node, data, numbers });
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
    const listing = document.createElement('pre');
    listing.textContent = code;
    answer.append(listing);
    this._added.push(listing);
    return listing;
  }

  private readonly _options: ResultRenderer.IOptions;
  private _notebook: INotebookModel | null = null;
  private _data: ResultData | null = null;
  private _findings: FindingList | null = null;
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
    settings: ISettings;
    tracker: INotebookTracker;
  }
}

function textWidget(text: string): Widget {
  const widget = new Widget();
  widget.node.textContent = text;
  widget.addClass('jp-CodeFace-footer');
  return widget;
}
