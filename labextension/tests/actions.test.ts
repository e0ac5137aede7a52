/** What the buttons under a block do and say. */

import { beforeEach, describe, expect, it, vi } from 'vitest';

import { BlockActions, IBlockTarget } from '../src/actions';

vi.mock('@jupyterlab/ui-components', () => {
  const icon = { element: () => document.createElement('span') };
  return { addBelowIcon: icon, copyIcon: icon, editIcon: icon, launcherIcon: icon };
});

let target: { [name in keyof IBlockTarget]: IBlockTarget[name] };
let node: HTMLElement;

function show(first: 'below' | 'replace' = 'below', canReplace = true): void {
  const labels = { insertLabel: 'Insert below', copyLabel: 'Copy' };
  node = new BlockActions(target, { ...labels, first, canReplace }).node;
}

function visible(): string[] {
  return [...node.querySelectorAll('button')]
    .filter(button => !button.hidden)
    .map(button => button.textContent ?? '');
}

function press(label: string): void {
  [...node.querySelectorAll('button')].find(button => button.textContent === label)?.click();
}

function message(): string {
  return node.querySelector('[role=status]')?.textContent ?? '';
}

beforeEach(() => {
  target = {
    obstacle: null,
    find: vi.fn(() => null),
    insert: vi.fn(() => 'new'),
    replace: vi.fn(() => 'asking'),
    goTo: vi.fn(() => true),
    copy: vi.fn()
  };
  show();
});

describe('the buttons of a block', () => {
  it('come in the order of the settings', () => {
    expect(visible()).toEqual(['Insert below', 'Replace cell', 'Copy']);
    show('replace');
    expect(visible()).toEqual(['Replace cell', 'Insert below', 'Copy']);
    show('below', false);
    expect(visible()).toEqual(['Insert below', 'Copy']);
  });

  it('say what they did and offer to go there', () => {
    press('Insert below');
    expect(message()).toBe('Inserted below');
    press('Go to cell');
    expect(target.goTo).toHaveBeenCalledWith('new');
  });

  it('do not insert twice unasked', () => {
    target.find = () => 'new';
    press('Insert below');
    expect(target.insert).not.toHaveBeenCalled();
    expect(message()).toBe('Already inserted');
    press('Insert again');
    expect(target.insert).toHaveBeenCalledOnce();
  });

  it('replace', () => {
    press('Replace cell');
    expect(target.replace).toHaveBeenCalledOnce();
    expect(message()).toBe('Replaced');
  });

  it('change nothing when there is an obstacle, and name it', () => {
    target = { ...target, obstacle: 'This notebook is read-only' };
    show();
    press('Insert below');
    press('Replace cell');
    expect(target.insert).not.toHaveBeenCalled();
    expect(target.replace).not.toHaveBeenCalled();
    expect(message()).toBe('This notebook is read-only');
  });

  it('say when the asking cell or the new one is gone', () => {
    target.insert = () => null;
    press('Insert below');
    expect(message()).toBe('The cell that asked is not in this notebook any more');
    target.insert = () => 'new';
    target.goTo = () => false;
    press('Insert below');
    press('Go to cell');
    expect(message()).toBe('That cell is gone');
    expect(visible()).not.toContain('Go to cell');
  });

  it('copy', () => {
    press('Copy');
    expect(target.copy).toHaveBeenCalledOnce();
    expect(message()).toBe('Copied');
  });
});
