/** How long to wait for the next key before something is asked, learnt from keys and answers. */

const REMEMBERED = 10;
const SHORTEST_MS = 50;
const LONGEST_MS = 600;
/** Of somebody of whom nothing is known yet. */
const USUAL_INTERVAL_MS = 200;
/** Whoever has not typed for so long was not typing. */
const LONGEST_INTERVAL_MS = 1500;
/** How much longer than usual the next key must be away before it is not expected any more. */
const PATIENCE = 1.5;

/** How fast somebody types and how fast answers come. */
export class TypingPace {
  /** Take note of a key at a time in milliseconds. */
  typed(now: number): void {
    const interval = now - this._lastKey;
    this._lastKey = now;
    if (interval <= LONGEST_INTERVAL_MS) {
      remember(this._intervals, interval);
    }
  }

  /** Take note of an answer that took so many milliseconds. */
  answered(duration: number): void {
    remember(this._durations, duration);
  }

  /**
   * The milliseconds to wait after a key.
   *
   * A slow answer is waited for anyway, so that the next key has time to come meanwhile.
   */
  get delay(): number {
    const interval = median(this._intervals) ?? USUAL_INTERVAL_MS;
    const delay = PATIENCE * interval - (median(this._durations) ?? 0);
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, delay));
  }

  private readonly _intervals: number[] = [];
  private readonly _durations: number[] = [];
  private _lastKey = -Infinity;
}

function remember(values: number[], value: number): void {
  values.push(value);
  if (values.length > REMEMBERED) {
    values.shift();
  }
}

function median(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const above = sorted[middle];
  const below = sorted.length % 2 ? above : sorted[middle - 1];
  return above === undefined || below === undefined ? null : (above + below) / 2;
}
