/** The dialog in which a model is chosen. */

import { describe, expect, it, vi } from 'vitest';

import { ModelPicker } from '../src/modelPicker';
import { ENGLISH } from './translations';

// Lumino's widgets ask for what jsdom does not have.
vi.hoisted(() => Object.assign(globalThis, { DragEvent: Event }));
vi.mock('@jupyterlab/apputils', () => ({ Dialog: {} }));

const CHOICES = {
  model: 'auto',
  engine: 'auto',
  auto: 'small: it runs well here',
  is_loaded: false,
  engines: ['openvino'],
  models: []
};

async function pickerOf(choices: object): Promise<HTMLElement> {
  const request = vi.fn(() => Promise.resolve({ ...CHOICES, ...choices }));
  const picker = new ModelPicker({ request: request as never }, ENGLISH);
  await picker.refresh();
  return picker.node;
}

async function noteOf(choices: object): Promise<HTMLElement | null> {
  return (await pickerOf(choices)).querySelector<HTMLElement>('[role=note]');
}

describe('the model picker', () => {
  it('says why the model that is named for completions makes none', async () => {
    const note = await noteOf({ completion_problem: 'no-such is not on this machine' });

    expect(note?.hidden).toBe(false);
    expect(note?.textContent).toBe('Ghost text: no-such is not on this machine');
  });

  it('says nothing of it where there is nothing to say', async () => {
    expect((await noteOf({ completion_problem: '' }))?.hidden).toBe(true);
    expect((await noteOf({}))?.hidden).toBe(true);
  });

  it('shows as code what the kernel puts between backticks, and nothing as markup', async () => {
    const auto = 'A better model is big<img>; `codeface pull <b>big</b>` fetches it.';
    const node = await pickerOf({ auto, completion_problem: 'Fetch `big` first' });

    expect([...node.querySelectorAll('code')].map(code => code.textContent)).toEqual([
      'codeface pull <b>big</b>',
      'big'
    ]);
    expect(node.textContent).toContain('big<img>; codeface pull <b>big</b> fetches it.');
    expect(node.querySelector('img, b')).toBeNull();
  });

  it('shows code in what went wrong', async () => {
    const request = vi.fn(() => Promise.reject(new Error('Run `codeface doctor`')));
    const picker = new ModelPicker({ request: request as never }, ENGLISH);
    await picker.refresh();

    expect(picker.node.querySelector('[role=status] code')?.textContent).toBe('codeface doctor');
  });
});
