/** Which keys pressed in an answer are the application's. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { CommandRegistry } from '@lumino/commands';
import { describe, expect, it } from 'vitest';

import { isComposed, isForApplication, keysOf, withoutShortcuts } from '../src/keyboard';

interface IShortcut {
  keys: string[];
  macKeys?: string[];
}

const SUPPRESSED = 'data-lm-suppress-shortcuts';

function press(target: HTMLElement, key: string, options: KeyboardEventInit = {}): KeyboardEvent {
  const keyCode = key.toUpperCase().charCodeAt(0);
  const event = new KeyboardEvent('keydown', { key, keyCode, bubbles: true, ...options });
  target.dispatchEvent(event);
  return event;
}

function inAnswer(tag: 'button' | 'textarea'): { node: HTMLElement; target: HTMLElement } {
  const node = document.createElement('div');
  const target = document.createElement(tag);
  node.append(target);
  document.body.append(node);
  withoutShortcuts(node);
  return { node, target };
}

describe('the keys of a command', () => {
  it('are called as they are set', () => {
    const commands = new CommandRegistry();
    commands.addCommand('ask', { execute: () => undefined });
    expect(keysOf(commands, 'ask')).toBe('');
    commands.addKeyBinding({ command: 'ask', keys: ['Alt Shift A'], selector: 'body' });
    expect(keysOf(commands, 'ask')).toBe('Alt+Shift+A');
  });

  it('write no letter on macOS, where Option and Shift do', () => {
    const path = join(__dirname, '..', 'schema', 'plugin.json');
    const schema = JSON.parse(readFileSync(path, 'utf-8')) as Record<string, IShortcut[]>;
    const shortcuts = schema['jupyter.lab.shortcuts'] ?? [];
    expect(shortcuts).not.toHaveLength(0);
    for (const { keys, macKeys = keys } of shortcuts) {
      expect(macKeys).toEqual(keys.map(chord => `Ctrl ${chord}`));
    }
  });
});

describe('a key of an input method', () => {
  it.each([
    [{ isComposing: true }, true],
    // Safari's Enter at the end of a word.
    [{ isComposing: false, keyCode: 229 }, true],
    [{ isComposing: false, keyCode: 13 }, false]
  ])('%j', (options, expected) => {
    expect(isComposed(new KeyboardEvent('keydown', { key: 'Enter', ...options }))).toBe(expected);
  });
});

describe('keys in an answer', () => {
  it.each(['button', 'textarea'] as const)('are its own but for commands, in a %s', tag => {
    const { node, target } = inAnswer(tag);
    press(target, 'd');
    expect([node, target].every(one => one.hasAttribute(SUPPRESSED))).toBe(true);
    press(target, 's', { ctrlKey: true });
    expect([node, target].some(one => one.hasAttribute(SUPPRESSED))).toBe(false);
    press(target, 'Enter', { ctrlKey: true });
    expect([node, target].every(one => one.hasAttribute(SUPPRESSED))).toBe(true);
  });

  it.each([
    ['button', 'z', { ctrlKey: true }, true],
    ['textarea', 'z', { ctrlKey: true }, false],
    ['textarea', 'z', { metaKey: true, shiftKey: true }, false],
    ['textarea', 'a', { metaKey: true }, false],
    // The command palette.
    ['textarea', 'C', { ctrlKey: true, shiftKey: true }, true],
    // What another layout writes with the key Z, and with AltGr and A.
    ['textarea', 'я', { ctrlKey: true, keyCode: 90 }, false],
    ['textarea', 'ą', { ctrlKey: true, altKey: true, keyCode: 65 }, false],
    ['button', 's', { altKey: true }, false]
  ] as const)('in a %s: %s with %j', (tag, key, options, expected) => {
    const { target } = inAnswer(tag);
    expect(isForApplication(press(target, key, options))).toBe(expected);
  });
});
