/** When an editor shows prose, and how. */

import { language, syntaxTree } from '@codemirror/language';
import { StreamLanguage } from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import { describe, expect, it } from 'vitest';

import { isQuestion, proseExtension } from '../src/prose';

const python = StreamLanguage.define({
  name: 'python',
  token: stream => (stream.next() ? 'string' : null)
});

function editing(source: string): EditorState {
  return EditorState.create({ doc: source, extensions: [python, proseExtension(source)] });
}

function nameOf(state: EditorState): string | undefined {
  return state.facet(language)?.name;
}

describe('isQuestion', () => {
  it.each(['%%codeface\nplot', '%%codeface -n 20\nplot', '%%codeface_batch\na', '\n%%codeface'])(
    'is true of %j',
    source => expect(isQuestion(source)).toBe(true)
  );

  it.each(['%codeface plot', 'x = 1\n%%codeface', '%%codefacex\n', '%%time\nx', ''])(
    'is false of %j',
    source => expect(isQuestion(source)).toBe(false)
  );
});

describe('proseExtension', () => {
  it('shows a question as prose, whatever quotes are in it', () => {
    const state = editing("%%codeface -n 20\ndon't plot {df.shape}");
    const marked: string[] = [];
    syntaxTree(state).iterate({
      enter: node => {
        if (node.name !== 'Document') {
          marked.push(state.sliceDoc(node.from, node.to));
        }
      }
    });

    expect(nameOf(state)).toBe('codeface');
    expect(marked).toEqual(['%%codeface', '{df.shape}']);
  });

  it('begins and ends with the magic', () => {
    let state = editing("don't");
    expect(nameOf(state)).toBe('python');

    state = state.update({ changes: { from: 0, insert: '%%codeface\n' } }).state;
    expect(nameOf(state)).toBe('codeface');

    state = state.update({ changes: { from: 0, to: 3 } }).state;
    expect(nameOf(state)).toBe('python');
  });
});
