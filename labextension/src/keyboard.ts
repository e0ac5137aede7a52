/** What can be done by keyboard in an answer. */

import { CommandRegistry } from '@lumino/commands';

const SUPPRESSED = 'data-lm-suppress-shortcuts';
/** With Ctrl or Cmd, what these keys do to a text is the browser's. */
const TEXT_KEYS = 'acvxyz';
/** What any key is that an input method has taken. */
const COMPOSED = 229;

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

/** Whether a key is one that the application may have a command for, wherever it is pressed. */
export function isForApplication(event: KeyboardEvent): boolean {
  const { altKey, ctrlKey, metaKey, shiftKey } = event;
  // AltGr, which some systems report as both, writes a character.
  const isCommand = (ctrlKey || metaKey) && !(ctrlKey && altKey);
  // Commands go by the key and not by what a layout writes with it.
  const key = String.fromCharCode(event.keyCode).toLowerCase();
  const isText = event.target instanceof HTMLTextAreaElement;
  const isTextKey = isText && (shiftKey ? 'vz' : TEXT_KEYS).includes(key);
  return isCommand && event.key.length === 1 && !isTextKey;
}

/** Whether a key only ends or changes what an input method composes; Safari says so by its code. */
export function isComposed({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === COMPOSED;
}

/** Return the keys of a command, as they are called on this system; empty if it has none. */
export function keysOf(commands: CommandRegistry, command: string): string {
  const binding = commands.keyBindings.find(binding => binding.command === command);
  return binding ? CommandRegistry.formatKeystroke(binding.keys) : '';
}

/** Let what is wider than the page be scrolled by keyboard: it gets the focus, and a name. */
export function makeScrollable(node: HTMLElement, name: string): void {
  node.tabIndex = 0;
  node.setAttribute('role', 'group');
  node.setAttribute('aria-label', name);
}
