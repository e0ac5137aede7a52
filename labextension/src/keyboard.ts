/** Keys that belong to what has the focus. */

/** Let keys reach what is in a node: in a notebook's command mode Enter goes to the editor. */
export function withoutShortcuts(node: HTMLElement): void {
  node.dataset['lmSuppressShortcuts'] = 'true';
}
