/** What happens to an answer's saved output when one of its findings is applied: pure text. */

import { mimeText, withResult } from './lastingOutput';
import type { MimeBundle, ResultBlock, ResultData, ResultEdit, ResultFinding } from './protocol';

const MARKDOWN = 'text/markdown';
const APPLIED = ' *(applied)*';
const FENCE = /^[\s>]*(?:[-*+]\s+|\d+[.)]\s+)*(?:`{3,}|~{3,})/;
const MARGIN = /^[\s>]*$/;

/** Whether the code is no longer what it was when it came: a finding has been applied. */
export function isChanged({ findings = [] }: ResultData): boolean {
  return findings.some(finding => finding.is_applied === true);
}

/** Whether a finding says how the code is mended, and the code is what it was found in. */
export function canApply(data: ResultData, finding: ResultFinding): boolean {
  return (
    finding.edits.length > 0 &&
    finding.edits.every(edit => {
      const code = data.blocks[edit.block]?.code;
      return code !== undefined && edit.start <= edit.end && edit.end <= [...code].length;
    }) &&
    inOrder(finding.edits).every(
      (edit, index, all) =>
        all[index - 1]?.block !== edit.block || (all[index - 1]?.end ?? 0) <= edit.start
    )
  );
}

/**
 * Return an output's data with a finding applied, or undone if it was.
 *
 * The other findings' edits move with the code; one that the change overlaps has none left.
 */
export function withFinding(output: MimeBundle, data: ResultData, number: number): MimeBundle {
  const finding = data.findings?.[number];
  if (!finding || !canApply(data, finding)) {
    return output;
  }
  const codes = data.blocks.map(block => block.code);
  const changed = codes.map((code, block) => edited(code, ofBlock(finding.edits, block)));
  const findings = (data.findings ?? []).map((other, position) =>
    position === number
      ? { ...finding, edits: reversed(codes, finding.edits), is_applied: !finding.is_applied }
      : { ...other, edits: moved(other.edits, finding.edits) }
  );
  const result: ResultData = {
    ...data,
    blocks: data.blocks.map((block, index) => withCode(block, changed[index] ?? block.code)),
    text: withListings(data.text, codes, changed),
    findings
  };
  const markdown = toggled(
    withListings(mimeText(output, MARKDOWN), codes, changed),
    findings.length,
    number
  );
  return withResult(output, result, markdown ? { [MARKDOWN]: markdown } : {});
}

/**
 * Return Markdown with other code in its fences; a difference above them follows.
 *
 * A fence that is not found, in the order of the blocks, stays as it is.
 */
export function withListings(markdown: string, codes: string[], changed: string[]): string {
  const lines = markdown.split('\n');
  let from = 0;
  codes.forEach((code, number) => {
    const before = code.split('\n');
    const after = (changed[number] ?? code).split('\n');
    const found = findListing(lines, before, from);
    if (found) {
      const shown = after.map(line => (line ? `${found.margin}${line}` : found.margin.trimEnd()));
      lines.splice(found.begin, before.length, ...shown);
      from = found.begin + after.length;
      followDifference(lines, before, after);
    }
  });
  return lines.join('\n');
}

/** Return where the code of a fence begins, from a line on, and what stands in front of it. */
export function findListing(
  lines: string[],
  code: string[],
  from: number
): { begin: number; margin: string } | null {
  // A blank line does not tell what stands in front of every line.
  const first = Math.max(
    code.findIndex(line => line.trim() !== ''),
    0
  );
  const sample = code[first] ?? '';
  for (let begin = from + 1; begin + code.length <= lines.length; begin += 1) {
    const line = lines[begin + first] ?? '';
    const margin = line.slice(0, line.length - sample.length);
    const isSame = code.every((wanted, offset) => {
      const shown = lines[begin + offset] ?? '';
      return shown === `${margin}${wanted}` || (wanted === '' && MARGIN.test(shown));
    });
    if (isSame && MARGIN.test(margin) && FENCE.test(lines[begin - 1] ?? '')) {
      return { begin, margin };
    }
  }
  return null;
}

/** Change in the difference that a rewritten cell begins with what has changed in its code. */
function followDifference(lines: string[], before: string[], after: string[]): void {
  if (!/^`{3,}diff$/.test(lines[0] ?? '') || before.length !== after.length) {
    return;
  }
  const end = lines.indexOf((lines[0] ?? '').replace('diff', ''));
  before.forEach((old, index) => {
    const line = after[index] ?? '';
    const added = lines.indexOf(`+${old}`);
    if (old !== line && added > 0 && added < end) {
      lines[added] = `+${line}`;
    }
  });
}

function withCode(block: ResultBlock, code: string): ResultBlock {
  const magic = block.source.endsWith(block.code)
    ? block.source.slice(0, block.source.length - block.code.length)
    : '';
  return code === block.code ? block : { ...block, code, source: `${magic}${code}` };
}

/** Return code with edits made; they count code points, as the kernel does. */
function edited(code: string, edits: ResultEdit[]): string {
  const characters = [...code];
  [...edits].reverse().forEach(({ start, end, replacement }) => {
    characters.splice(start, end - start, replacement);
  });
  return characters.join('');
}

/** Return the edits that undo others. */
function reversed(codes: string[], edits: ResultEdit[]): ResultEdit[] {
  return codes.flatMap((code, block) => {
    const characters = [...code];
    let offset = 0;
    return ofBlock(edits, block).map(edit => {
      const start = edit.start + offset;
      offset += growth(edit);
      return {
        block,
        start,
        end: start + [...edit.replacement].length,
        replacement: characters.slice(edit.start, edit.end).join('')
      };
    });
  });
}

/** Return edits as they are once others have been made; none if one of them is overlapped. */
function moved(edits: ResultEdit[], made: ResultEdit[]): ResultEdit[] {
  const overlaps = (a: ResultEdit, b: ResultEdit) =>
    a.block === b.block && a.start < b.end && b.start < a.end;
  if (edits.some(edit => made.some(other => overlaps(edit, other)))) {
    return [];
  }
  return edits.map(edit => {
    const earlier = made.filter(other => other.block === edit.block && other.end <= edit.start);
    const offset = earlier.reduce((sum, other) => sum + growth(other), 0);
    return { ...edit, start: edit.start + offset, end: edit.end + offset };
  });
}

function growth(edit: ResultEdit): number {
  return [...edit.replacement].length - (edit.end - edit.start);
}

function ofBlock(edits: ResultEdit[], block: number): ResultEdit[] {
  return inOrder(edits.filter(edit => edit.block === block));
}

function inOrder(edits: ResultEdit[]): ResultEdit[] {
  return [...edits].sort((a, b) => a.block - b.block || a.start - b.start);
}

/** Mark a finding's line in the saved Markdown, which ends in the findings and the footer. */
function toggled(markdown: string, count: number, number: number): string {
  const lines = markdown.split('\n');
  const position = lines.length - 2 - count + number;
  const line = lines[position];
  if (line?.startsWith('- ')) {
    lines[position] = line.endsWith(APPLIED)
      ? line.slice(0, line.length - APPLIED.length)
      : `${line}${APPLIED}`;
  }
  return lines.join('\n');
}
