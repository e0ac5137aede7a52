/** The answers that another one has taken the place of, folded, each with a way back. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { undoIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { button } from './button';
import type { UntrustedMarkdown } from './markdown';
import type { EarlierAnswer, ResultData } from './protocol';
import { withoutShortcuts } from './keyboard';

/** A folded part for each earlier answer; its text is rendered when it is unfolded. */
export class EarlierList extends Widget {
  constructor({ data, markdown, trans, bringBack }: EarlierList.IOptions) {
    super();
    this._markdown = markdown;
    this._trans = trans;
    withoutShortcuts(this.node);
    const earlier = data.earlier ?? [];
    earlier.forEach((answer, number) => {
      const title =
        earlier.length > 1
          ? trans.__('Earlier answer %1', earlier.length - number)
          : trans.__('Earlier answer');
      this.node.append(this._details(answer, title, () => bringBack(number)));
    });
  }

  override dispose(): void {
    this._rendered.forEach(widget => widget.dispose());
    super.dispose();
  }

  private _details(answer: EarlierAnswer, title: string, onUse: () => void): HTMLElement {
    const details = document.createElement('details');
    details.className = 'jp-CodeFace-earlier';
    const summary = document.createElement('summary');
    summary.textContent = title;
    const footer = document.createElement('div');
    footer.className = 'jp-CodeFace-footer';
    const use = button(this._trans.__('Use this answer'), undoIcon, onUse);
    use.setAttribute('aria-label', this._trans.__('Use this answer: %1', title));
    footer.append(answer.data.footer, ' ', use);
    details.append(summary, footer);
    details.addEventListener('toggle', () => void this._render(answer, footer), { once: true });
    return details;
  }

  private async _render(answer: EarlierAnswer, footer: HTMLElement): Promise<void> {
    const rendered = await this._markdown.render(answer.data.text);
    if (this.isDisposed) {
      rendered.dispose();
      return;
    }
    this._rendered.push(rendered);
    footer.before(rendered.node);
  }

  private readonly _markdown: UntrustedMarkdown;
  private readonly _trans: TranslationBundle;
  private readonly _rendered: Widget[] = [];
}

export namespace EarlierList {
  /** What the list shows. */
  export interface IOptions {
    /** The answer in front. */
    data: ResultData;
    markdown: UntrustedMarkdown;
    trans: TranslationBundle;
    /** Puts an earlier one, by its number, in front. */
    bringBack: (number: number) => void;
  }
}
