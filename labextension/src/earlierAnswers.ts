/** The answers that others have taken the place of: kept in the output, and brought back. */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { mimeText, withResult } from './lastingOutput';
import { EarlierAnswer, isResultData, MimeBundle, RESULT_MIME } from './protocol';

const MARKDOWN = 'text/markdown';
const PLAIN = 'text/plain';

/** Return the lasting output `next` with the answer kept in it whose place it takes. */
export function withEarlier(next: MimeBundle, before: MimeBundle): MimeBundle {
  const data: unknown = next[RESULT_MIME];
  const old = asEarlier(before);
  if (!isResultData(data) || !old) {
    return next;
  }
  const kept = { ...data, earlier: [old, ...earlierOf(before)] };
  // What exporters show of it is the next answer, as before.
  return { ...next, [RESULT_MIME]: kept as unknown as ReadonlyPartialJSONObject };
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
  return withResult(bundle, { ...wanted.data, earlier: [present, ...others] }, texts);
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
  return { data, markdown: mimeText(bundle, MARKDOWN), plain: mimeText(bundle, PLAIN) };
}
