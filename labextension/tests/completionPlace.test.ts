/** Where code is completed, and where words are left alone. */

import { python } from '@codemirror/lang-python';
import { EditorSelection, EditorState } from '@codemirror/state';
import { describe, expect, it } from 'vitest';

import { isCompletable } from '../src/completionPlace';

/** A state whose cursor is at the bar. */
function editing(source: string): EditorState {
  return EditorState.create({
    doc: source.replace('|', ''),
    selection: { anchor: source.indexOf('|') },
    extensions: [python()]
  });
}

describe('code', () => {
  it.each([
    'df.|',
    'print(|)',
    'x = |\ny = 2',
    '%%time\nx = |',
    '%%timeit -n 3\nx = |',
    "'done'|",
    '%matplotlib |'
  ])('is completed in %j', source => expect(isCompletable(editing(source), false)).toBe(true));

  it.each(['df["re|', 'df["re|"]', 'df.groupby("|")', "df[['a', 'b|']]", "f'{na|}'", 'f\'{df["a|'])(
    'has names in strings in %j',
    source => expect(isCompletable(editing(source), false)).toBe(true)
  );

  it.each(['%%codeface\nplot |', '%%bash\nls |', '%%html\n<|', 'gro|upby', 'x = |1', 'x = |größe'])(
    'is not completed in %j, asked for or not',
    source => {
      expect(isCompletable(editing(source), false)).toBe(false);
      expect(isCompletable(editing(source), true)).toBe(false);
    }
  );

  it.each([
    '# a wo|',
    'x = 1  # a wo|',
    '"""Say wo|',
    '"""Say wo|"""',
    "r'''a|'''",
    "f'hello|'",
    'print("two wo|',
    'print("two wo|")'
  ])('is completed in the words of %j only if that is asked for', source => {
    expect(isCompletable(editing(source), false)).toBe(false);
    expect(isCompletable(editing(source), true)).toBe(true);
  });

  it('is not completed where nothing can be typed, as in a locked cell', () => {
    const { doc, selection } = editing('df.|');
    const extensions = [python(), EditorState.readOnly.of(true)];
    const locked = EditorState.create({ doc, selection, extensions });
    expect(isCompletable(locked, true)).toBe(false);
  });

  it('is not completed with a selection, nor at two places', () => {
    const state = editing('df.|');
    const selected = state.update({ selection: { anchor: 0, head: 3 } }).state;
    expect(isCompletable(selected, true)).toBe(false);

    const twice = EditorState.create({
      doc: 'a\nb',
      selection: EditorSelection.create([EditorSelection.cursor(1), EditorSelection.cursor(3)]),
      extensions: [python(), EditorState.allowMultipleSelections.of(true)]
    });
    expect(isCompletable(twice, true)).toBe(false);
  });
});
