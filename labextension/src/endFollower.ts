/** Keeps the end of a growing output in view, unless the user has scrolled away from it. */

import type { IDisposable } from '@lumino/disposable';

/** What is hidden by less is still taken for seen. */
const TOLERANCE_PX = 4;
/** So much of what follows stays in view as well. */
const MARGIN_PX = 16;

/** What comes last is laid out by then, and JupyterLab, which delays that by a second, has said so. */
const LAST_MS = 2500;
/** The user does something in an output. */
const USED = ['pointerdown', 'keydown'] as const;
/** The outputs whose height is held, each with what ends that. */
const held = new WeakMap<HTMLElement, ReturnType<typeof setTimeout>>();

/** Follows an output's end from the moment that its cell is seen. */
export class EndFollower implements IDisposable {
  constructor(output: HTMLElement) {
    this._output = output;
    // One that is long or wide may scroll by itself: the notebook is what follows.
    this._area = output.closest<HTMLElement>('.jp-OutputArea') ?? output;
    this._scroller = scrollerOf(this._area);
    const cell = output.closest('.jp-Cell') ?? output;
    this._isFollowing = this._scroller !== null && isSeen(cell, this._scroller);
    this._scroller?.addEventListener('scroll', this._onScroll);
    this._lastTop = this._scroller?.scrollTop ?? 0;
    this._observer = new ResizeObserver(() => this._follow());
    this._observer.observe(output);
  }

  /** Whether the user wants to see the end. */
  get isFollowing(): boolean {
    return this._isFollowing;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    USED.forEach(type => this._area.removeEventListener(type, this._onUse));
    this._observer.disconnect();
    this._scroller?.removeEventListener('scroll', this._onScroll);
  }

  /** Follow a little longer: something lasting takes the place of what was followed. */
  endSoon(): void {
    setTimeout(() => this.dispose(), LAST_MS);
    // What grows because the user unfolds it is looked at from its beginning.
    USED.forEach(type => this._area.addEventListener(type, this._onUse));
  }

  private _follow(): void {
    const hidden = this._hidden();
    if (this._scroller && this._isFollowing && !this._isDisposed && hidden > 0) {
      this._scroller.scrollTop += hidden + MARGIN_PX;
    }
  }

  /** How much of the output lies below what is in view, in pixels. */
  private _hidden(): number {
    const end = Math.min(...[this._output, this._area].map(bottomOf));
    return this._scroller ? end - bottomOf(this._scroller) : 0;
  }

  private readonly _onScroll = (): void => {
    const { scrollTop = 0 } = this._scroller ?? {};
    if (this._hidden() <= TOLERANCE_PX) {
      this._isFollowing = true;
    } else if (scrollTop < this._lastTop) {
      this._isFollowing = false;
    }
    this._lastTop = scrollTop;
  };

  private readonly _onUse = (): void => this.dispose();

  private readonly _output: HTMLElement;
  private readonly _area: HTMLElement;
  private readonly _scroller: Element | null;
  private readonly _observer: ResizeObserver;
  private _isFollowing: boolean;
  private _lastTop: number;
  private _isDisposed = false;
}

/**
 * Keep an output as high as it is while something takes the place of a part of it: the page
 * would jump, and that could not be told from the user's scrolling.
 */
export function holdHeight(output: HTMLElement): void {
  clearTimeout(held.get(output));
  output.style.minHeight = `${output.offsetHeight}px`;
  held.set(
    output,
    setTimeout(() => (output.style.minHeight = ''), LAST_MS)
  );
}

/** Return what scrolls when a node in it does not fit. */
function scrollerOf(node: Element): Element | null {
  for (let parent = node.parentElement; parent; parent = parent.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(parent).overflowY)) {
      return parent;
    }
  }
  return null;
}

function bottomOf(node: Element): number {
  return node.getBoundingClientRect().bottom;
}

function isSeen(node: Element, scroller: Element): boolean {
  const { top, bottom } = node.getBoundingClientRect();
  const view = scroller.getBoundingClientRect();
  return bottom >= view.top && top <= view.bottom;
}
