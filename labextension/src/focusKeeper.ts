/** Keeps the focus in a cell's output when what had it is taken away. */

/** So long something new is waited for. */
const PATIENCE_MS = 2000;
const BUTTON =
  '.jp-CodeFace-stream button:not([disabled], [hidden]), ' +
  '.jp-CodeFace-result button:not([disabled], [hidden])';

/**
 * Call it right before a node goes away: if the focus is in it, the first button of what takes
 * its place in the same output gets it, or the cell if there is none.
 */
export function keepFocus(node: HTMLElement): void {
  const output = node.closest<HTMLElement>('.jp-OutputArea');
  if (!output || !node.contains(document.activeElement)) {
    return;
  }
  const timer = setTimeout(() => end(output.closest<HTMLElement>('.jp-Cell')), PATIENCE_MS);
  const observer = new MutationObserver(() => {
    const next = [...output.querySelectorAll<HTMLElement>(BUTTON)].find(
      button => !node.contains(button) && button.offsetParent !== null
    );
    if (next) {
      end(next);
    }
  });
  function end(next: HTMLElement | null): void {
    clearTimeout(timer);
    observer.disconnect();
    // Where the user has gone on to something else, the focus stays there.
    if (document.activeElement === document.body) {
      next?.focus({ preventScroll: true });
    }
  }
  observer.observe(output, { childList: true, subtree: true });
}
