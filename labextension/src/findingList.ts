/** The list under an answer: what was changed in its code, and what does not fit the notebook. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, undoIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { button } from './button';
import { withCodeSpans } from './codeSpans';
import { canApply } from './findings';
import type { ResultData, ResultFinding } from './protocol';
import { withoutShortcuts } from './keyboard';

/** A line for each note and each finding, with a button where the code can be mended. */
export class FindingList extends Widget {
  constructor({ data, trans, apply }: FindingList.IOptions) {
    super({ node: document.createElement('ul') });
    this._trans = trans;
    this.addClass('jp-CodeFace-findings');
    // Without its bullets a list is none for some screen readers.
    this.node.setAttribute('role', 'list');
    this.node.setAttribute('aria-label', trans.__('Checked against your notebook'));
    withoutShortcuts(this.node);
    (data.notes ?? []).forEach(note => this._addItem(note).classList.add('jp-CodeFace-note'));
    (data.findings ?? []).forEach((finding, number) => {
      const item = this._addItem(described(data, finding, trans));
      item.classList.toggle('jp-mod-applied', finding.is_applied === true);
      if (canApply(data, finding)) {
        this._addButton(item, finding, () => apply(number)).dataset['finding'] = `${number}`;
      }
    });
  }

  /** Whether the buttons are shown. */
  set showsButtons(isShown: boolean) {
    this._buttons.forEach(node => (node.hidden = !isShown));
  }

  /** Put the focus on a finding's button. */
  focusButton(number: number): void {
    this._buttons.find(node => node.dataset['finding'] === `${number}`)?.focus();
  }

  private _addItem(text: string): HTMLElement {
    const item = document.createElement('li');
    const words = document.createElement('span');
    words.dir = 'auto';
    words.append(...withCodeSpans(text));
    item.append(words);
    this.node.append(item);
    return item;
  }

  private _addButton(
    item: HTMLElement,
    finding: ResultFinding,
    onClick: () => void
  ): HTMLButtonElement {
    const { _trans: trans } = this;
    const node = finding.is_applied
      ? button(trans.__('Undo'), undoIcon, onClick)
      : button(trans.__('Apply'), checkIcon, onClick);
    node.title = finding.is_applied
      ? trans.__('Take this change back')
      : trans.__('Mend this in the code above');
    const message = finding.message.replaceAll('`', '');
    const name = finding.is_applied
      ? trans.__('Undo: %1', message)
      : trans.__('Apply: %1', message);
    node.setAttribute('aria-label', name);
    item.append(node);
    this._buttons.push(node);
    return node;
  }

  private readonly _trans: TranslationBundle;
  private _buttons: HTMLButtonElement[] = [];
}

export namespace FindingList {
  /** What the list shows. */
  export interface IOptions {
    data: ResultData;
    trans: TranslationBundle;
    /** Applies the finding with a number, or undoes it. */
    apply: (number: number) => void;
  }
}

/** Return a finding in words, with its place. */
function described(
  { blocks }: ResultData,
  { block, line, message, is_applied: isApplied }: ResultFinding,
  trans: TranslationBundle
): string {
  if (blocks.length > 1) {
    return isApplied
      ? trans.__('Applied. Block %1, line %2: %3', block + 1, line, message)
      : trans.__('Block %1, line %2: %3', block + 1, line, message);
  }
  return isApplied
    ? trans.__('Applied. Line %1: %2', line, message)
    : trans.__('Line %1: %2', line, message);
}
