/** What can be done by keyboard in an answer. */

const SUPPRESSED = 'data-lm-suppress-shortcuts';
/** With Ctrl or Cmd, what these keys do to a text is the browser's. */
const TEXT_KEYS = 'acvxyz';

/**
 * Let keys reach what is in a node: in a notebook's command mode letters are
 * commands, and Enter goes to the editor. Ctrl+S and its like stay the application's.
 */
export function withoutShortcuts(node: HTMLElement): void {
  node.setAttribute(SUPPRESSED, 'true');
  nodes.add(node);
  // Before the application looks for the mark, and once for all nodes.
  window.addEventListener('keydown', markNodes, true);
}

const nodes = new WeakSet<HTMLElement>();

/** Mark what a key is pressed in, unless the application is meant. */
function markNodes(event: KeyboardEvent): void {
  const isMarked = !isForApplication(event);
  const target = event.target instanceof HTMLElement ? event.target : null;
  for (let node = target; node; node = node.parentElement) {
    if (nodes.has(node)) {
      node.toggleAttribute(SUPPRESSED, isMarked);
      // Some commands are for whatever has the focus, and found before the node around it.
      target?.toggleAttribute(SUPPRESSED, isMarked);
    }
  }
}

function isForApplication({ ctrlKey, metaKey, key, target }: KeyboardEvent): boolean {
  const isText = target instanceof HTMLTextAreaElement && TEXT_KEYS.includes(key.toLowerCase());
  return (ctrlKey || metaKey) && key.length === 1 && !isText;
}

/** Let what is wider than the page be scrolled by keyboard: it gets the focus, and a name. */
export function makeScrollable(node: HTMLElement, name: string): void {
  node.tabIndex = 0;
  node.setAttribute('role', 'group');
  node.setAttribute('aria-label', name);
}
