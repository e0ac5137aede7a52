/** The field under an answer in which a question about it is typed. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, runIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { button } from './button';
import { MAX_QUESTION_CHARACTERS } from './protocol';
import { isComposed, withoutShortcuts } from './keyboard';

const NOT_FOR_JUPYTERLAB = /^(history|insertLineBreak$)/;

/** A field with its buttons; Enter asks, Shift Enter begins a line, Esc closes. */
export class QuestionField extends Widget {
  constructor(options: QuestionField.IOptions) {
    super({ node: document.createElement('form') });
    this._options = options;
    const { trans } = options;
    const label = trans.__('Your question about this answer, or what is wrong with it');
    this.addClass('jp-CodeFace-question');
    withoutShortcuts(this.node);
    this._text.rows = 2;
    this._text.maxLength = MAX_QUESTION_CHARACTERS;
    this._text.placeholder = label;
    this._text.setAttribute('aria-label', label);
    this._text.addEventListener('keydown', event => this._onKey(event));
    // Within a cell JupyterLab keeps a browser from undoing, and from breaking lines: it listens
    // where a key is pressed.
    this.node.addEventListener('beforeinput', leaveToBrowser, true);
    const ask = button(trans.__('Ask'), runIcon, () => this._ask());
    const close = button(trans.__('Close'), closeIcon, options.onClose);
    ask.title = trans.__('Ask (Enter)');
    close.title = trans.__('Close, and keep what is typed (Esc)');
    const buttons = document.createElement('div');
    buttons.className = 'jp-CodeFace-controls';
    buttons.append(ask, close);
    this.node.append(this._text, buttons);
    this.node.addEventListener('submit', event => event.preventDefault());
    this.hide();
  }

  /** Whether something is typed. */
  get hasText(): boolean {
    return this._text.value.trim() !== '';
  }

  /** Show the field and type into it. */
  open(): void {
    this.show();
    this._text.focus();
  }

  /** Forget a question that has been answered, unless another one is typed by now. */
  forget(question: string): void {
    if (this._text.value.trim() === question) {
      this._text.value = '';
    }
  }

  private _onKey(event: KeyboardEvent): void {
    // Enter may only end a word of a writing system that is composed, and Esc take it back.
    if (isComposed(event)) {
      return;
    }
    // With Shift the browser itself begins a line, which can be undone.
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this._ask();
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this._options.onClose();
    }
  }

  private _ask(): void {
    const question = this._text.value.trim();
    if (question) {
      this._options.onAsk(question);
    }
  }

  private readonly _options: QuestionField.IOptions;
  private readonly _text = document.createElement('textarea');
}

function leaveToBrowser(event: InputEvent): void {
  if (NOT_FOR_JUPYTERLAB.test(event.inputType)) {
    event.stopPropagation();
  }
}

export namespace QuestionField {
  /** What the field does. */
  export interface IOptions {
    trans: TranslationBundle;
    onAsk: (question: string) => void;
    onClose: () => void;
  }
}
