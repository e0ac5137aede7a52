/** Finds the listings of an answer's code in its rendered Markdown. */

/**
 * Return the `<pre>` that shows each piece of code, in the order given; null for
 * code that is shown some other way, such as a diagram.
 */
export function matchListings(answer: HTMLElement, codes: string[]): (HTMLElement | null)[] {
  const listings = [...answer.querySelectorAll('pre')];
  return codes.map(code => {
    const position = listings.findIndex(listing => isSame(listing.textContent ?? '', code));
    // Blocks come in order, so what is passed over belongs to none.
    return position < 0 ? null : (listings.splice(0, position + 1).pop() ?? null);
  });
}

function isSame(shown: string, code: string): boolean {
  return shown.trimEnd() === code.trimEnd();
}
