/** What an answer says beside its code, as the source of a Markdown cell: pure text. */

import { withoutDifference } from './difference';
import { findListing } from './findings';
import type { ResultData } from './protocol';

const THOUGHTS =
  /^(?:<details><summary>Thoughts<\/summary>\n\n(`{3,})text\n[\s\S]*?\n\1\n\n<\/details>\s*)+/;
const GAP = /\n{3,}/g;

/**
 * Return the words of an answer; empty if it has none.
 *
 * Code that its own buttons insert is left out. The kernel has seen to it that the text holds
 * nothing but Markdown's own formatting.
 */
export function proseOf(data: ResultData): string {
  const text = data.rewrite ? withoutDifference(data.text) : data.text;
  const said = text.replace(THOUGHTS, '');
  return (data.insert === 'none' ? said : withoutCells(said, data)).replace(GAP, '\n\n').trim();
}

/** Return Markdown without the listings of the answer's cells of code. */
function withoutCells(markdown: string, { blocks }: ResultData): string {
  const lines = markdown.split('\n');
  let from = 0;
  for (const { cell_type: type, code } of blocks) {
    const length = code.split('\n').length;
    const found = findListing(lines, code.split('\n'), from);
    if (found && type === 'code') {
      // With the fence's own lines.
      lines.splice(found.begin - 1, length + 2);
      from = found.begin - 1;
    } else if (found) {
      from = found.begin + length;
    }
  }
  return lines.join('\n');
}
