/** What one kernel is asked to complete: one request at a time, and none that leads nowhere. */

import type { NotebookBridge } from './bridge';
import type { Completion, CompletionWanted, Status } from './protocol';
import type { Suggestion } from './suggestion';

/** Whoever answers. */
export type CompletingKernel = Pick<
  NotebookBridge,
  'isLive' | 'request' | 'status' | 'statusChanged'
>;

/** Why asking again at once would bring nothing else. */
const LASTING: ReadonlySet<string> = new Set(['unloaded', 'unsuited']);
const PAUSE_MS = 30000;
/** What has been given up ends sooner, unless the kernel cannot say so. */
const LONGEST_END_MS = 2000;

/** The completions of one kernel. */
export class Completions {
  constructor(private readonly _kernel: CompletingKernel) {
    this._described = describe(_kernel.status);
    _kernel.statusChanged.connect(this._onStatusChanged, this);
  }

  /** What is suggested, or was until something else was done. */
  suggestion: Suggestion | null = null;

  /** Whether the kernel has said that it completes nothing as it is. */
  get isPaused(): boolean {
    return performance.now() < this._pausedUntil;
  }

  /** Whether the last answer was the first that says that a model is gone which was there. */
  get hasLostModel(): boolean {
    return this._hasLostModel;
  }

  /** Give up what is under way, and begin something; its signal says when that is given up. */
  begin(): AbortSignal {
    this.cancel();
    return (this._newest = new AbortController()).signal;
  }

  /** Give up what is under way. */
  cancel(): void {
    this._newest?.abort();
    this._newest = null;
  }

  /**
   * Ask for a completion; null if there is none in time, or no use in asking.
   *
   * What was asked before has to be over in the kernel, so that there is one there at a time.
   */
  async complete(wanted: CompletionWanted, signal: AbortSignal): Promise<Completion | null> {
    if (this._ending) {
      await this._ending;
    }
    if (signal.aborted || (this.isPaused && !wanted.is_asked_for)) {
      return null;
    }
    try {
      const completion = await this._ask(wanted, signal);
      this._hasLostModel = this._hadModel && completion.silence === 'unloaded';
      this._hadModel &&= completion.silence !== 'unloaded';
      this._hadModel ||= completion.silence === '';
      if (LASTING.has(completion.silence)) {
        this._pause();
      }
      return completion;
    } catch {
      // Whoever types has not asked, and is not told: the next answer may be better.
      if (!signal.aborted && this._kernel.isLive) {
        this._failed();
        this._pause();
      }
      return null;
    }
  }

  /** Have the kernel read what a completion would need, unless it has just read that. */
  async warmUp(wanted: CompletionWanted): Promise<void> {
    const content = JSON.stringify(wanted);
    if (this.isPaused || content === this._warmed) {
      return;
    }
    this._warmed = content;
    const isRead = await this._read(wanted);
    // Meanwhile something else may have been.
    if (!isRead && content === this._warmed) {
      this._warmed = '';
    }
  }

  private _ask(wanted: CompletionWanted, signal: AbortSignal): Promise<Completion> {
    let end: () => void = () => undefined;
    const ending = (this._ending = new Promise<void>(resolve => (end = resolve)));
    const onEnd = () => {
      if (this._ending === ending) {
        this._ending = null;
      }
      end();
    };
    const asked = this._kernel.request('complete', wanted, { signal, onEnd });
    const onFailed = () => (signal.aborted ? window.setTimeout(onEnd, LONGEST_END_MS) : onEnd());
    asked.then(onEnd, onFailed);
    return asked;
  }

  private async _read(wanted: CompletionWanted): Promise<boolean> {
    try {
      const { silence } = await this._kernel.request('warm_up', wanted);
      this._hadModel ||= silence === '';
      return silence === '';
    } catch {
      this._failed();
      return false;
    }
  }

  /** Only a model that is there fails, and it may be lost by that. */
  private _failed(): void {
    this._hadModel = this._kernel.isLive;
  }

  private _pause(): void {
    this._pausedUntil = performance.now() + PAUSE_MS;
    this._pausedIn = describe(this._kernel.status);
  }

  private _onStatusChanged(): void {
    const described = describe(this._kernel.status);
    if (described !== this._pausedIn) {
      this._pausedUntil = 0;
    }
    if (described !== this._described || !this._kernel.isLive) {
      // What reads now may be another model, or one that has read something else since.
      this._warmed = '';
      this._described = described;
    }
    if (!this._kernel.isLive) {
      this._hadModel = false;
      this.cancel();
    }
  }

  /** The end of what was asked last, given up or not. */
  private _ending: Promise<void> | null = null;
  private _newest: AbortController | null = null;
  private _pausedUntil = 0;
  private _pausedIn = '';
  private _warmed = '';
  private _described: string;
  private _hadModel = false;
  private _hasLostModel = false;
}

/** Wait, unless it is given up before. */
export async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = window.setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer);
      resolve();
    });
  });
}

/** Return what decides whether something can be completed. */
function describe(status: Status | null): string {
  return status ? JSON.stringify([status.model, status.engine, status.state]) : '';
}
