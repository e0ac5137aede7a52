/** The list under an answer: what was changed in its code, and what does not fit the notebook. */

import { checkIcon, undoIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { button } from './button';
import { withCodeSpans } from './codeSpans';
import { canApply } from './findings';
import type { ResultData, ResultFinding } from './protocol';
import { withoutShortcuts } from './keyboard';

const NAME = 'Checked against your notebook';

/** A line for each note and each finding, with a button where the code can be mended. */
export class FindingList extends Widget {
  /**
   * @param data - The answer.
   * @param apply - Applies the finding with a number, or undoes it.
   */
  constructor(data: ResultData, apply: (number: number) => void) {
    super({ node: document.createElement('ul') });
    this.addClass('jp-CodeFace-findings');
    // Without its bullets a list is none for some screen readers.
    this.node.setAttribute('role', 'list');
    this.node.setAttribute('aria-label', NAME);
    withoutShortcuts(this.node);
    (data.notes ?? []).forEach(note => this._addItem(note).classList.add('jp-CodeFace-note'));
    (data.findings ?? []).forEach((finding, number) => {
      const item = this._addItem(`${place(data, finding)}${finding.message}`);
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
    const label = finding.is_applied ? 'Undo' : 'Apply';
    const node = button(label, finding.is_applied ? undoIcon : checkIcon, onClick);
    node.title = finding.is_applied ? 'Take this change back' : 'Mend this in the code above';
    node.setAttribute('aria-label', `${label}: ${finding.message.replaceAll('`', '')}`);
    item.append(node);
    this._buttons.push(node);
    return node;
  }

  private _buttons: HTMLButtonElement[] = [];
}

function place(data: ResultData, finding: ResultFinding): string {
  const done = finding.is_applied ? 'Applied. ' : '';
  return data.blocks.length > 1
    ? `${done}Block ${finding.block + 1}, line ${finding.line}: `
    : `${done}Line ${finding.line}: `;
}
