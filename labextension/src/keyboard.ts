/** What can be done by keyboard in an answer. */

/**
 * Let keys reach what is in a node: in a notebook's command mode letters are
 * commands, and Enter goes to the editor.
 */
export function withoutShortcuts(node: HTMLElement): void {
  node.dataset['lmSuppressShortcuts'] = 'true';
}

/** Let what is wider than the page be scrolled by keyboard: it gets the focus, and a name. */
export function makeScrollable(node: HTMLElement, name: string): void {
  node.tabIndex = 0;
  node.setAttribute('role', 'group');
  node.setAttribute('aria-label', name);
}
