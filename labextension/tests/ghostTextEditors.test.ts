/** Who has changed a text, and what goes in as a whole. */

import { EditorState } from '@codemirror/state';
import { EditorView, ViewPlugin } from '@codemirror/view';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { watched } from '../src/ghostTextEditors';

let view: EditorView;
let told: string[];

beforeEach(() => {
  told = [];
  const tell = (what: string) => () => void told.push(what);
  const watcher = watched({
    edited: tell('edited'),
    changed: tell('changed'),
    inserted: tell('inserted'),
    moved: tell('moved'),
    focused: tell('focused'),
    blurred: tell('blurred')
  });
  const history = ViewPlugin.define(() => ({
    update: ({ docChanged }) => void (docChanged && told.push('kept'))
  }));
  view = new EditorView({
    state: EditorState.create({ doc: 'df.', extensions: [history, watcher] }),
    parent: document.body
  });
  Object.defineProperty(view, 'hasFocus', { value: true });
  view.dispatch({});
  told = [];
});
afterEach(() => view.destroy());

const insert = (text: string, options: object = {}) =>
  view.dispatch({ changes: { from: 3, insert: text }, ...options });

describe('a watched editor', () => {
  it('is edited by who types', () => {
    insert('h', { selection: { anchor: 4 }, userEvent: 'input.type' });
    expect(told).toEqual(['kept', 'edited']);
  });

  it('is changed by undo, a program or somebody else', () => {
    insert('head()');
    expect(told).toEqual(['kept', 'changed']);
  });

  it.each([undefined, 'input.complete'])(
    'has what is accepted between two steps of its history (%s)',
    userEvent => {
      insert('head()', { selection: { anchor: 9 }, userEvent });
      expect(told).toEqual(['inserted', 'kept', 'inserted', 'edited']);
    }
  );

  it('tells of moves that change nothing', () => {
    view.dispatch({ selection: { anchor: 1 } });
    expect(told).toEqual(['moved']);
  });
});
