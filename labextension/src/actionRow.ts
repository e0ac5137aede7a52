/** The row of buttons for a part of a result, and a line that says what came of them. */

import { ACTIONS, IAction, IOutcome, IResultPart } from './actions';
import { button } from './button';
import { isChanged } from './findings';
import { notifyFailure } from './notifications';
import { withoutShortcuts } from './keyboard';

/** A button for each action that is of use. */
export class ActionRow {
  constructor(part: IResultPart, actions: readonly IAction[] = ACTIONS) {
    this._part = part;
    const isPreferred = (action: IAction) => action.isPreferred?.(part) === true;
    const ordered = [...actions].sort((a, b) => Number(isPreferred(b)) - Number(isPreferred(a)));
    this._buttons = new Map(ordered.map(action => [action, this._buttonOf(action)]));
    this._message.className = 'jp-CodeFace-message';
    // Read out by screen readers without moving the focus.
    this._message.setAttribute('role', 'status');
    this.node = document.createElement(part.kind === 'answer' ? 'span' : 'div');
    this.node.className =
      part.kind === 'answer' ? 'jp-CodeFace-answerActions' : 'jp-CodeFace-actions';
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', part.name);
    withoutShortcuts(this.node);
    this.node.append(...this._buttons.values(), this._message);
    this.update();
  }

  readonly node: HTMLElement;

  /** Show the buttons that are of use, as things are now. */
  update(): void {
    // Nothing invites to take code that has just failed.
    const { data } = this._part;
    let isFirst = data.outcome?.ending !== 'raised' || isChanged(data);
    for (const [action, node] of this._buttons) {
      node.hidden = !action.isVisible(this._part);
      if (!node.hidden) {
        this._describe(action, node);
      }
      node.classList.toggle('jp-mod-accept', isFirst && !node.hidden);
      isFirst = isFirst && node.hidden;
    }
  }

  /** Put the focus on an action's button; the row's first one if that is not there. */
  focus(id: string, options?: FocusOptions): void {
    const shown = [...this._buttons].filter(([, node]) => !node.hidden);
    const [, node] = shown.find(([action]) => action.id === id) ?? shown[0] ?? [];
    node?.focus(options);
  }

  /** Take back what the row says if it is no longer so, as after an undo. */
  recheck(): void {
    if (this._outcome?.holds?.() === false) {
      this._show({ message: '' });
    }
  }

  private _buttonOf(action: IAction): HTMLButtonElement {
    const { label, icon } = action;
    const { trans } = this._part;
    const text = label(this._part);
    const node = button(text, icon, () => void this._run(action, node));
    this._describe(action, node);
    if (this._part.kind === 'block' && this._part.data.blocks?.length > 1) {
      node.setAttribute('aria-label', trans.__('%1, %2', text, this._part.name));
    }
    return node;
  }

  /** Say what a button does, or why it does nothing now. */
  private _describe({ caption, obstacle }: IAction, node: HTMLButtonElement): void {
    const reason = obstacle?.(this._part) ?? null;
    node.title = reason ?? caption?.(this._part) ?? '';
    node.ariaDisabled = reason !== null || this._running.has(node) ? 'true' : null;
  }

  private async _run(action: IAction, node: HTMLButtonElement): Promise<void> {
    if (this._running.has(node)) {
      return;
    }
    const reason = action.obstacle?.(this._part) ?? null;
    if (reason !== null) {
      this._show({ message: reason });
      return;
    }
    try {
      const running = action.run(this._part);
      if (running instanceof Promise) {
        this._running.add(node);
        this._describe(action, node);
        this._show({ message: action.progress?.(this._part) ?? '' });
      }
      this._show(await running);
    } catch (error) {
      this._show({ message: '' });
      notifyFailure(error);
    }
    this._running.delete(node);
    this._describe(action, node);
    this.update();
    this._keepFocus(node);
  }

  /** Leave the focus in the row when the button that had it is gone. */
  private _keepFocus(node: HTMLButtonElement): void {
    const { activeElement, body } = document;
    const isGone = node.hidden || !node.isConnected;
    if (isGone && (activeElement === node || activeElement === body)) {
      const buttons = [...this._offers, ...this._buttons.values()];
      buttons.find(button => !button.hidden)?.focus();
    }
  }

  private _show(outcome: IOutcome | null): void {
    if (outcome) {
      this._outcome = outcome;
      this._message.textContent = outcome.message;
      this._offers.forEach(node => node.remove());
      this._offers = (outcome.offers ?? []).map(action => this._buttonOf(action));
      this.node.append(...this._offers);
    }
  }

  private readonly _part: IResultPart;
  private readonly _buttons: Map<IAction, HTMLButtonElement>;
  /** The buttons whose actions have not ended. */
  private readonly _running = new Set<HTMLButtonElement>();
  private readonly _message = document.createElement('span');
  private _outcome: IOutcome | null = null;
  private _offers: HTMLButtonElement[] = [];
}
