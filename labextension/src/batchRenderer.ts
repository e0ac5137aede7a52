/** The lasting output of a batch: a table, and below it each answer, folded, with its buttons. */

import { MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime';
import { JSONExt } from '@lumino/coreutils';
import { PanelLayout, Widget } from '@lumino/widgets';

import { withAnswer } from './batch';
import { withoutShortcuts } from './keyboard';
import { BATCH_MIME, BatchAnswer, BatchData, isBatchData, MimeBundle } from './protocol';
import { ResultRenderer } from './resultRenderer';

/** Renders a batch. */
export class BatchRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(options: BatchRenderer.IOptions) {
    super();
    this._options = options;
    this.layout = new PanelLayout();
    this.addClass('jp-CodeFace-batch');
  }

  /** Show a batch; when one of its answers has been changed, only that one is shown anew. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { markdown, trans } = this._options;
    const data: unknown = model.data[BATCH_MIME];
    const rendering = (this._renderings += 1);
    this._model = model;
    if (!isBatchData(data)) {
      this._table = null;
      this._fill([messageWidget(trans.__('This answer was made by another release of CodeFace.'))]);
      return;
    }
    if (this._isShown(data)) {
      await Promise.all(this._answers.map((shown, n) => shown.follow(data.answers[n])));
      return;
    }
    const table = await markdown.render(data.table);
    if (rendering !== this._renderings || this.isDisposed) {
      table.dispose();
      return;
    }
    this._table = data.table;
    this._answers = data.answers.map((answer, number) => {
      const change = (bundle: MimeBundle) => this._change(number, bundle);
      return new FoldedAnswer({ ...this._options, answer, change });
    });
    this._fill([table, ...this._answers]);
  }

  /** Change one answer in the output that is shown by now. */
  private _change(number: number, bundle: MimeBundle): void {
    const model = this._model;
    model?.setData({ data: withAnswer(model.data, number, bundle) });
  }

  private _isShown({ table, answers }: BatchData): boolean {
    return table === this._table && answers.length === this._answers.length;
  }

  private _fill(widgets: Widget[]): void {
    const layout = this.layout as PanelLayout;
    [...layout.widgets].forEach(widget => widget.dispose());
    widgets.forEach(widget => layout.addWidget(widget));
  }

  private readonly _options: BatchRenderer.IOptions;
  private _model: IRenderMime.IMimeModel | null = null;
  private _table: string | null = null;
  private _answers: FoldedAnswer[] = [];
  private _renderings = 0;
}

export namespace BatchRenderer {
  /** What a renderer needs. */
  export type IOptions = Omit<ResultRenderer.IOptions, 'isOneOfMany'>;
}

/** An answer of a batch; it is rendered when it is unfolded. */
class FoldedAnswer extends Widget {
  constructor(options: FoldedAnswer.IOptions) {
    super({ node: document.createElement('details') });
    this._options = options;
    this._answer = options.answer;
    this.layout = new PanelLayout();
    this.addClass('jp-CodeFace-folded');
    withoutShortcuts(this.node);
    const summary = document.createElement('summary');
    summary.textContent = options.answer.title;
    this.node.append(summary);
    this.node.addEventListener('toggle', () => void this._unfold(), { once: true });
  }

  /** Show what has become of the answer. */
  async follow(answer: BatchAnswer | undefined): Promise<void> {
    if (answer && !JSONExt.deepEqual(answer.bundle, this._answer.bundle)) {
      this._answer = answer;
      await this._render();
    }
  }

  private async _unfold(): Promise<void> {
    const layout = this.layout as PanelLayout;
    if (this._answer.error) {
      layout.addWidget(messageWidget(this._answer.error));
    }
    if (this._answer.bundle) {
      this._renderer = new ResultRenderer({ ...this._options, isOneOfMany: true });
      layout.addWidget(this._renderer);
      await this._render();
    }
  }

  private async _render(): Promise<void> {
    const { bundle } = this._answer;
    if (bundle) {
      const callback = ({ data }: IRenderMime.IMimeModel.ISetDataOptions) =>
        data && this._options.change(data);
      await this._renderer?.renderModel(new MimeModel({ data: bundle, callback }));
    }
  }

  private readonly _options: FoldedAnswer.IOptions;
  private _answer: BatchAnswer;
  private _renderer: ResultRenderer | null = null;
}

namespace FoldedAnswer {
  /** What is folded. */
  export interface IOptions extends BatchRenderer.IOptions {
    answer: BatchAnswer;
    /** Puts another output of the answer in the place of its own. */
    change: (bundle: MimeBundle) => void;
  }
}

function messageWidget(text: string): Widget {
  const widget = new Widget();
  widget.addClass('jp-CodeFace-message');
  widget.node.textContent = text;
  return widget;
}
