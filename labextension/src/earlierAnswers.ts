/** The answers that others have taken the place of: kept in the output, and brought back. */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { EarlierAnswer, isResultData, MimeBundle, RESULT_MIME, ResultData } from './protocol';

const MARKDOWN = 'text/markdown';
const PLAIN = 'text/plain';

/** Return the lasting output `next` with the answer kept in it whose place it takes. */
export function withEarlier(next: MimeBundle, before: MimeBundle): MimeBundle {
  const data: unknown = next[RESULT_MIME];
  const old = asEarlier(before);
  return isResultData(data) && old ? withList(next, data, [old, ...earlierOf(before)]) : next;
}

/** Return the lasting output with an earlier answer in front, and the present one kept. */
export function broughtBack(bundle: MimeBundle, number: number): MimeBundle {
  const earlier = earlierOf(bundle);
  const wanted = earlier[number];
  const present = asEarlier(bundle);
  if (!wanted || !present) {
    return { ...bundle };
  }
  const others = earlier.filter(answer => answer !== wanted);
  const texts = { [MARKDOWN]: wanted.markdown, [PLAIN]: wanted.plain };
  return withList({ ...bundle, ...texts }, wanted.data, [present, ...others]);
}

function withList(bundle: MimeBundle, data: ResultData, earlier: EarlierAnswer[]): MimeBundle {
  const kept = { ...bundle };
  // Only the kernel can write the page; where there is none, exporters take the Markdown.
  delete kept['text/html'];
  return { ...kept, [RESULT_MIME]: { ...data, earlier } as unknown as ReadonlyPartialJSONObject };
}

function earlierOf(bundle: MimeBundle): EarlierAnswer[] {
  const data: unknown = bundle[RESULT_MIME];
  return isResultData(data) ? (data.earlier ?? []) : [];
}

function asEarlier(bundle: MimeBundle): EarlierAnswer | null {
  const found: unknown = bundle[RESULT_MIME];
  if (!isResultData(found)) {
    return null;
  }
  const data = { ...found };
  delete data.earlier;
  return { data, markdown: text(bundle[MARKDOWN]), plain: text(bundle[PLAIN]) };
}

/** A saved notebook may hold a text as a list of its lines. */
function text(value: unknown): string {
  return Array.isArray(value) ? value.join('') : typeof value === 'string' ? value : '';
}
