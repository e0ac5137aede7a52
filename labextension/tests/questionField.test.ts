/** What keys do in the field for a question. */

import { beforeEach, describe, expect, it, vi } from 'vitest';

import { QuestionField } from '../src/questionField';
import { ENGLISH } from './translations';

// Lumino's widgets ask for what jsdom does not have.
vi.hoisted(() => Object.assign(globalThis, { DragEvent: Event }));
vi.mock('@jupyterlab/ui-components', () => {
  const icon = { element: () => document.createElement('span') };
  return { closeIcon: icon, runIcon: icon };
});

const onAsk = vi.fn();
const onClose = vi.fn();
let text: HTMLTextAreaElement;

function press(key: string, options: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, cancelable: true, ...options });
  text.dispatchEvent(event);
  return event;
}

beforeEach(() => {
  vi.resetAllMocks();
  const field = new QuestionField({ trans: ENGLISH, onAsk, onClose });
  text = field.node.querySelector('textarea') as HTMLTextAreaElement;
  text.value = 'why?';
});

describe('the field for a question', () => {
  it('is sent by Enter and closed by Esc', () => {
    expect(press('Enter').defaultPrevented).toBe(true);
    expect(onAsk).toHaveBeenCalledWith('why?');
    press('Escape');
    expect(onClose).toHaveBeenCalledOnce();
  });

  it.each([{ isComposing: true }, { keyCode: 229 }])(
    'leaves an input method what it composes: %j',
    options => {
      press('Enter', options);
      press('Escape', options);
      expect(onAsk).not.toHaveBeenCalled();
      expect(onClose).not.toHaveBeenCalled();
    }
  );

  it('leaves Shift Enter to the browser, which can undo the line', () => {
    expect(press('Enter', { shiftKey: true }).defaultPrevented).toBe(false);
    expect(onAsk).not.toHaveBeenCalled();
  });

  it('is undone, and has its lines broken, by the browser alone', () => {
    const heard = vi.fn();
    // As JupyterLab does.
    text.addEventListener('beforeinput', ({ inputType }) => heard(inputType));
    for (const inputType of ['historyUndo', 'insertText', 'historyRedo', 'insertLineBreak']) {
      text.dispatchEvent(new InputEvent('beforeinput', { inputType, bubbles: true }));
    }
    expect(heard.mock.calls).toEqual([['insertText']]);
  });
});
