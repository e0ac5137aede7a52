/** The lasting output of an answer: its words, its code, and buttons that put the code to use. */

import type { INotebookTracker } from '@jupyterlab/notebook';
import type { IRenderMime } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { BlockActions } from './actions';
import { AgainTarget, AskAgain } from './again';
import type { IBridges } from './bridges';
import { matchListings } from './listings';
import type { UntrustedMarkdown } from './markdown';
import { isResultData, RESULT_MIME, ResultData } from './protocol';
import type { ISettings } from './settings';
import { BlockTarget } from './target';

/** Renders a result. */
export class ResultRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(options: ResultRenderer.IOptions) {
    super();
    this._options = options;
    this.layout = new PanelLayout();
    this.addClass('jp-CodeFace-result');
    options.settings.changed.connect(this._updateActions, this);
    options.bridges.currentChanged.connect(this._updateAgain, this);
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
    this._fill(answer, textWidget(data.footer));
    this._updateActions();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._updateAgain();
  }

  private _fill(...widgets: Widget[]): void {
    const layout = this.layout as PanelLayout;
    [...layout.widgets].forEach(widget => widget.dispose());
    widgets.forEach(widget => layout.addWidget(widget));
  }

  /** Put a row of buttons under each block, and one for all of them at the end. */
  private _updateActions(): void {
    this._added.forEach(node => node.remove());
    this._added = [];
    this._again = null;
    const data = this._data;
    const [answer, footer] = (this.layout as PanelLayout).widgets;
    if (!data || !answer || !this._options.settings.showButtons) {
      return;
    }
    if (data.answer_id) {
      this._addAgain(data.answer_id, footer ?? answer);
    }
    if (data.insert === 'none') {
      return;
    }
    const codes = data.blocks.map(block => block.code);
    matchListings(answer.node, codes).forEach((found, number) => {
      const listing = found ?? this._appendListing(answer.node, codes[number] ?? '');
      this._addRow(data, listing, [number]);
    });
    if (codes.length > 1) {
      this._addRow(data, answer.node, [...codes.keys()]);
    }
  }

  private _addRow(data: ResultData, after: Element, numbers: number[]): void {
    const { settings, tracker } = this._options;
    const isSingle = numbers.length === 1;
    const isReplaceFirst = settings.insertAction === 'replace' || data.insert === 'replace';
    const target = new BlockTarget({ tracker, settings, node: this.node, data, numbers });
    const { node } = new BlockActions(target, {
      insertLabel: isSingle ? 'Insert below' : 'Insert all',
      copyLabel: isSingle ? 'Copy' : 'Copy all',
      canReplace: isSingle,
      first: isSingle && isReplaceFirst ? 'replace' : 'below'
    });
    after.after(node);
    this._added.push(node);
  }

  private _addAgain(answerId: string, footer: Widget): void {
    const { bridges, tracker } = this._options;
    this._again = new AskAgain(new AgainTarget({ answerId, bridges, node: this.node, tracker }));
    footer.node.append(this._again.node);
    this._added.push(this._again.node);
  }

  private _updateAgain(): void {
    this._again?.update();
  }

  private _appendListing(answer: HTMLElement, code: string): HTMLElement {
    const listing = document.createElement('pre');
    listing.textContent = code;
    answer.append(listing);
    this._added.push(listing);
    return listing;
  }

  private readonly _options: ResultRenderer.IOptions;
  private _data: ResultData | null = null;
  private _again: AskAgain | null = null;
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
