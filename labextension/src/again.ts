/** The button under an answer that was replayed: it asks the kernel for a new one. */

import { refreshIcon } from '@jupyterlab/ui-components';
import type { INotebookTracker } from '@jupyterlab/notebook';

import { button } from './actions';
import type { IBridges } from './bridges';
import { notifyFailure } from './notifications';
import { findPlace, receivesOutput } from './places';

/** What the button can do. */
export interface IAgainTarget {
  /** Whether the kernel that gave the answer is there and can show another in its place. */
  readonly isPossible: boolean;

  /** Ask once more; false if that has become impossible. */
  ask(): boolean;
}

/** The button, hidden where it could do nothing, and a line that says what it did. */
export class AskAgain {
  constructor(target: IAgainTarget) {
    this._target = target;
    this._button = button('Ask again', refreshIcon, () => this._onClick());
    this._button.title = 'Ask once more; this answer comes from the response cache';
    this._message.className = 'jp-CodeFace-message';
    this._message.setAttribute('role', 'status');
    this.node.className = 'jp-CodeFace-again';
    this.node.append(this._button, this._message);
    this.update();
  }

  readonly node = document.createElement('span');

  /** Show or hide the button, as things are now. */
  update(): void {
    this._button.hidden = !this._target.isPossible;
  }

  private _onClick(): void {
    if (this._target.ask()) {
      // The kernel puts another output in this one's place, even if nothing comes of it.
      this._button.disabled = true;
      this._message.textContent = 'Asking again …';
    } else {
      this.update();
      this._message.textContent = 'The kernel that gave this answer is gone';
    }
  }

  private readonly _target: IAgainTarget;
  private readonly _button: HTMLButtonElement;
  private readonly _message = document.createElement('span');
}

/** An answer in the notebook that shows it. */
export class AgainTarget implements IAgainTarget {
  constructor(options: AgainTarget.IOptions) {
    this._options = options;
  }

  get isPossible(): boolean {
    return this._bridge() !== null;
  }

  ask(): boolean {
    const bridge = this._bridge();
    bridge?.request('ask_again', { answer_id: this._options.answerId }).catch(notifyFailure);
    return bridge !== null;
  }

  private _bridge() {
    const { bridges, node, tracker } = this._options;
    const place = findPlace(tracker, node, null);
    const bridge = bridges.of(place?.panel ?? null);
    return place && bridge?.isLive && receivesOutput(tracker, place) ? bridge : null;
  }

  private readonly _options: AgainTarget.IOptions;
}

export namespace AgainTarget {
  /** Which answer, shown where. */
  export interface IOptions {
    answerId: string;
    bridges: IBridges;
    /** A node of the answer. */
    node: Node;
    tracker: INotebookTracker;
  }
}
