/** The dialog in which a question or an instruction is typed. */

import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { isComposed } from './keyboard';

const ROWS = 4;

/** What a dialog says. */
interface IAskOptions {
  title: string;

  /** The field's name. */
  label: string;

  /** An example of what may be typed. */
  placeholder: string;

  /** The label of the button that sends it. */
  accept: string;
}

/** Asks for a text of a few lines; what was typed and not sent is there the next time. */
export class AskDialogs {
  constructor(private readonly _trans: TranslationBundle) {}

  /**
   * Show a dialog.
   *
   * @param key - What the text is about: texts about other things are not shown.
   * @param typed - Called with the text at first, and when it has been changed.
   * @returns the text; empty if the user wants none.
   */
  async ask(
    key: string,
    options: IAskOptions,
    typed: (text: string) => void = () => undefined
  ): Promise<string> {
    const trans = this._trans;
    const keys = trans.__('Enter sends, Shift Enter begins a new line');
    const field = new Field({ ...options, keys, text: this._drafts.get(key) ?? '' });
    const dialog = new AskDialog({
      title: options.title,
      body: field,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: options.accept })
      ],
      focusNodeSelector: 'textarea'
    });
    field.changed = text => {
      this._drafts.set(key, text);
      typed(text);
    };
    typed(field.getValue());
    const { button, value } = await dialog.launch();
    if (!button.accept) {
      return '';
    }
    this._drafts.delete(key);
    return (value ?? '').trim();
  }

  private readonly _drafts = new Map<string, string>();
}

/** A dialog that Enter sends from its field, where Shift Enter begins a line. */
class AskDialog extends Dialog<string> {
  override handleEvent(event: Event): void {
    if (!(event instanceof KeyboardEvent && isEnterInField(event))) {
      super.handleEvent(event);
      return;
    }
    event.stopPropagation();
    // What an input method composes is not finished by its own Enter.
    if (!event.shiftKey && !isComposed(event)) {
      event.preventDefault();
      this.resolve();
    }
  }
}

function isEnterInField({ type, key, target }: KeyboardEvent): boolean {
  return type === 'keydown' && key === 'Enter' && target instanceof HTMLTextAreaElement;
}

/** A field with its label and how to use it. */
class Field extends Widget {
  constructor(options: IAskOptions & { keys: string; text: string }) {
    super({ node: document.createElement('label') });
    this.addClass('jp-CodeFace-field');
    const label = document.createElement('span');
    label.textContent = options.label;
    this._area.className = 'jp-mod-styled';
    this._area.rows = ROWS;
    this._area.placeholder = options.placeholder;
    this._area.value = options.text;
    this._area.addEventListener('input', () => this.changed(this._area.value));
    const keys = document.createElement('small');
    keys.textContent = options.keys;
    this.node.append(label, this._area, keys);
  }

  /** Called with the text when it has been changed. */
  changed: (text: string) => void = () => undefined;

  /** The text, which the dialog asks for when it closes. */
  getValue(): string {
    return this._area.value;
  }

  private readonly _area = document.createElement('textarea');
}
