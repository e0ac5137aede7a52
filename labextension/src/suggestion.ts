/** What is suggested at a place in a cell, and what is left of it while it is typed along. */

/** A cursor in a cell: what stands before it and after it. */
export interface IPlace {
  readonly cellId: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** What an editor adds by itself behind what opens something. */
const CLOSING = /^[)\]}'"]+$/;
const WORD = /^\s*(?:[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s]+)/u;
const LINE = /^\n*[^\n]+/;

/** A text that was suggested at a place. */
export class Suggestion {
  constructor(
    private readonly _place: IPlace,
    private readonly _text: string
  ) {}

  /**
   * Return what is left of the text at another place.
   *
   * @returns empty if all of it has been typed or accepted; null if something else was done.
   */
  restAt(place: IPlace): string | null {
    const { cellId, prefix, suffix } = this._place;
    if (
      place.cellId !== cellId ||
      !place.prefix.startsWith(prefix) ||
      !place.suffix.endsWith(suffix)
    ) {
      return null;
    }
    const typed = place.prefix.slice(prefix.length);
    const added = place.suffix.slice(0, place.suffix.length - suffix.length);
    if (!this._text.startsWith(typed)) {
      return null;
    }
    return withoutEnd(this._text.slice(typed.length), added);
  }
}

/** Return the beginning of a text up to the end of its first word, or of its first sign. */
export function firstWord(text: string): string {
  return WORD.exec(text)?.[0] ?? text;
}

/** Return the beginning of a text up to the end of its first line that is not empty. */
export function firstLine(text: string): string {
  return LINE.exec(text)?.[0] ?? text;
}

/**
 * Return a text without what the editor has closed already; null if it does not end in that.
 *
 * In a text of several lines the last bracket need not be the one that has been opened.
 */
function withoutEnd(text: string, added: string): string | null {
  if (!added) {
    return text;
  }
  const isEnd = CLOSING.test(added) && text.endsWith(added) && !text.includes('\n');
  return isEnd ? text.slice(0, -added.length) : null;
}
