/** Sentences in which what is between backticks is code. */

const CODE_SPAN = /(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/g;

/** Return a sentence as nodes: what is between backticks is code, everything else literal. */
export function withCodeSpans(text: string): Node[] {
  const nodes: Node[] = [];
  let end = 0;
  for (const found of text.matchAll(CODE_SPAN)) {
    const code = document.createElement('code');
    code.textContent = (found[2] ?? '').trim();
    nodes.push(document.createTextNode(text.slice(end, found.index)), code);
    end = found.index + found[0].length;
  }
  return [...nodes, document.createTextNode(text.slice(end))];
}

/** Return code with the lines that Python sees; of a carriage return a page shows nothing. */
export function withLines(code: string): string {
  return code.replace(/\r\n?/g, '\n');
}
