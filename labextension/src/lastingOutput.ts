/** An answer's lasting output, as far as the page changes it. */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { MimeBundle, RESULT_MIME, ResultData } from './protocol';

/** Return an output with another result in it, and with the texts that go with that. */
export function withResult(
  output: MimeBundle,
  data: ResultData,
  texts: Record<string, string> = {}
): MimeBundle {
  const changed = { ...output, ...texts };
  // Only the kernel can write the page; where there is none, exporters take the Markdown.
  delete changed['text/html'];
  return { ...changed, [RESULT_MIME]: data as unknown as ReadonlyPartialJSONObject };
}

/** Return a text of an output, which a saved notebook may hold as a list of its lines. */
export function mimeText(output: MimeBundle, mimeType: string): string {
  const value = output[mimeType];
  return Array.isArray(value) ? value.join('') : typeof value === 'string' ? value : '';
}
