/** The row of buttons under a code block: what they do is given, what they say is decided here. */

import { addBelowIcon, copyIcon, editIcon, LabIcon, launcherIcon } from '@jupyterlab/ui-components';

/** What the buttons of a block can do. */
export interface IBlockTarget {
  /** Why nothing can be changed, or null if it can. */
  readonly obstacle: string | null;

  /** Return the id of the block's cell if it is in the notebook already. */
  find(): string | null;

  /** Insert the block below the cell that asked; null if that is gone. */
  insert(): string | null;

  /** Put the block in the place of the request; null if that is gone. */
  replace(): string | null;

  /** Select a cell; false if it is gone. */
  goTo(cellId: string): boolean;

  /** Put the code on the clipboard. */
  copy(): void;
}

/** How the row looks. */
export interface IActionOptions {
  first: 'below' | 'replace';
  canReplace: boolean;
  insertLabel: string;
  copyLabel: string;
}

const GONE = 'The cell that asked is not in this notebook any more';

/** A row of buttons and a line that says what they did. */
export class BlockActions {
  constructor(target: IBlockTarget, options: IActionOptions) {
    this._target = target;
    this._insert = button(options.insertLabel, addBelowIcon, () => this._onInsert());
    this._replace = button('Replace cell', editIcon, () => this._onReplace());
    this._copy = button(options.copyLabel, copyIcon, () => this._onCopy());
    this._goTo = button('Go to cell', launcherIcon, () => this._onGoTo());
    this._again = button('Insert again', addBelowIcon, () => this._doInsert());
    this._message.className = 'jp-CodeFace-message';
    // Read out by screen readers without moving the focus.
    this._message.setAttribute('role', 'status');
    const change = options.canReplace ? [this._insert, this._replace] : [this._insert];
    const ordered = options.first === 'replace' ? change.reverse() : change;
    ordered[0]?.classList.add('jp-mod-accept');
    this.node.className = 'jp-CodeFace-actions';
    this.node.append(...ordered, this._copy, this._message, this._goTo, this._again);
    this._show('');
  }

  readonly node = document.createElement('div');

  private _onInsert(): void {
    const known = this._target.find();
    if (known) {
      this._cellId = known;
      this._show('Already inserted', this._goTo, this._again);
    } else {
      this._doInsert();
    }
  }

  private _doInsert(): void {
    this._change('Inserted below', () => this._target.insert());
  }

  private _onReplace(): void {
    this._change('Replaced', () => this._target.replace());
  }

  private _onCopy(): void {
    this._target.copy();
    this._show('Copied');
  }

  private _onGoTo(): void {
    if (this._cellId === null || !this._target.goTo(this._cellId)) {
      this._show('That cell is gone');
    }
  }

  private _change(done: string, act: () => string | null): void {
    const { obstacle } = this._target;
    this._cellId = obstacle === null ? act() : null;
    if (this._cellId === null) {
      this._show(obstacle ?? GONE);
    } else {
      this._show(done, this._goTo);
    }
  }

  private _show(message: string, ...offers: HTMLElement[]): void {
    this._message.textContent = message;
    for (const offer of [this._goTo, this._again]) {
      offer.hidden = !offers.includes(offer);
    }
  }

  private readonly _target: IBlockTarget;
  private readonly _insert: HTMLButtonElement;
  private readonly _replace: HTMLButtonElement;
  private readonly _copy: HTMLButtonElement;
  private readonly _goTo: HTMLButtonElement;
  private readonly _again: HTMLButtonElement;
  private readonly _message = document.createElement('span');
  private _cellId: string | null = null;
}

/** Make a button in JupyterLab's style. */
export function button(label: string, icon: LabIcon, onClick: () => void): HTMLButtonElement {
  const node = document.createElement('button');
  node.type = 'button';
  node.className = 'jp-CodeFace-button';
  node.append(icon.element({ tag: 'span', className: 'jp-CodeFace-icon', width: '14px' }), label);
  node.addEventListener('click', onClick);
  return node;
}
