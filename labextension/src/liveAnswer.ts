/** An answer while it comes to a page that has asked for it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { stopIcon } from '@jupyterlab/ui-components';
import { PanelLayout, Widget } from '@lumino/widgets';

import { button } from './button';
import type { UntrustedMarkdown } from './markdown';
import type { AnswerUpdate } from './protocol';
import { withoutShortcuts } from './keyboard';

/** The text so far below a line with Stop; rendered as often as there is time. */
export class LiveAnswer extends Widget {
  constructor(options: LiveAnswer.IOptions) {
    super();
    const { trans } = options;
    this._markdown = options.markdown;
    const layout = (this.layout = new PanelLayout());
    const head = new Widget();
    head.addClass('jp-CodeFace-controls');
    withoutShortcuts(head.node);
    this._stop = button(trans.__('Stop'), stopIcon, () => options.onStop());
    this._stop.title = trans.__('Stop here and keep the answer so far');
    this._status.className = 'jp-CodeFace-message';
    this._status.textContent = trans.__('Preparing …');
    head.node.append(this._stop, this._status);
    if (options.question) {
      layout.addWidget(questionWidget(options.question));
    }
    layout.addWidget(head);
    layout.addWidget(this._body);
  }

  /** Put the focus on Stop. */
  focus(): void {
    this._stop.focus();
  }

  /** Show the answer so far. */
  tell(update: AnswerUpdate): void {
    this._status.textContent = update.status;
    this._wanted = update.text;
    void this._render();
  }

  private async _render(): Promise<void> {
    if (this._isRendering) {
      return;
    }
    this._isRendering = true;
    while (this._shown !== this._wanted && !this.isDisposed) {
      const text = this._wanted;
      const rendered = await this._markdown.render(text);
      this._shown = text;
      if (this.isDisposed) {
        rendered.dispose();
      } else {
        const layout = this._body.layout as PanelLayout;
        [...layout.widgets].forEach(widget => widget.dispose());
        layout.addWidget(rendered);
      }
    }
    this._isRendering = false;
  }

  private readonly _markdown: UntrustedMarkdown;
  private readonly _stop: HTMLButtonElement;
  private readonly _status = document.createElement('span');
  private readonly _body = bodyWidget();
  private _wanted = '';
  private _shown = '';
  private _isRendering = false;
}

export namespace LiveAnswer {
  /** What a live answer needs. */
  export interface IOptions {
    markdown: UntrustedMarkdown;
    trans: TranslationBundle;
    /** What was asked; null if it is the question of the answer above. */
    question: string | null;
    onStop: () => void;
  }
}

/** Return a widget that shows what was asked. */
export function questionWidget(question: string): Widget {
  const widget = new Widget({ node: document.createElement('blockquote') });
  widget.addClass('jp-CodeFace-asked');
  widget.node.textContent = question;
  return widget;
}

function bodyWidget(): Widget {
  const widget = new Widget();
  widget.layout = new PanelLayout();
  return widget;
}
