/** What the buttons of a result do and say. */

import { beforeEach, describe, expect, it, vi } from 'vitest';

import { ActionRow } from '../src/actionRow';
import { IAction, IResultPart } from '../src/actions';
import { notifyFailure } from '../src/notifications';
import type { ResultData } from '../src/protocol';
import { ENGLISH } from './translations';

// Every icon that an action may name.
vi.mock('@jupyterlab/ui-components', () => {
  const icon = { element: () => document.createElement('span') };
  const isIcon = (name: string | symbol) => String(name).endsWith('Icon');
  return new Proxy(
    {},
    {
      get: (_, name) => (isIcon(name) ? icon : undefined),
      has: (_, name) => isIcon(name)
    }
  );
});
vi.mock('../src/notifications', () => ({ notifyFailure: vi.fn() }));

let part: { -readonly [name in keyof IResultPart]: IResultPart[name] };
let row: ActionRow;

function show(changes: Partial<IResultPart> = {}, ...actions: IAction[]): void {
  Object.assign(part, changes);
  row = new ActionRow(part, actions.length ? actions : undefined);
}

function buttons(): HTMLButtonElement[] {
  return [...row.node.querySelectorAll('button')];
}

function visible(): string[] {
  return buttons()
    .filter(button => !button.hidden)
    .map(button => button.textContent ?? '');
}

function buttonOf(label: string): HTMLButtonElement | undefined {
  return buttons().find(button => button.textContent === label);
}

async function press(label: string): Promise<void> {
  buttonOf(label)?.click();
  await settle();
}

async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 0));
}

function message(): string {
  return row.node.querySelector('[role=status]')?.textContent ?? '';
}

beforeEach(() => {
  vi.mocked(notifyFailure).mockClear();
  part = {
    kind: 'block',
    name: 'code block',
    data: { answer_id: null } as ResultData,
    trans: ENGLISH,
    obstacle: null,
    isReplacement: false,
    isReplaceable: true,
    repeatsCell: false,
    replaceObstacle: null,
    hasProse: false,
    canAskMore: false,
    askObstacle: null,
    find: vi.fn(() => null),
    insert: vi.fn(() => 'new'),
    replace: vi.fn(() => 'asking'),
    replaceAndRun: vi.fn(() => 'asking'),
    sourceOf: vi.fn(() => 'x = 1'),
    goTo: vi.fn(() => true),
    copy: vi.fn(),
    openField: vi.fn(),
    tryAgain: vi.fn(() => Promise.resolve('')),
    goOn: vi.fn(() => Promise.resolve(''))
  };
  show();
});

describe('the buttons of a block', () => {
  it('come in the order of the list, the preferred ones first', () => {
    expect(visible()).toEqual(['Insert below', 'Replace cell', 'Copy']);
    expect(buttonOf('Insert below')?.classList.contains('jp-mod-accept')).toBe(true);
    show({ isReplacement: true });
    expect(visible()).toEqual(['Replace cell', 'Insert below', 'Copy']);
    expect(buttonOf('Replace cell')?.classList.contains('jp-mod-accept')).toBe(true);
    expect(buttonOf('Insert below')?.classList.contains('jp-mod-accept')).toBe(false);
    show({ kind: 'blocks' });
    expect(visible()).toEqual(['Insert all', 'Copy all']);
  });

  it('do not invite to take code that failed when it was tried', () => {
    const outcome = { line: 'Tried on a copy: raises KeyError', ending: 'raised' };
    show({ data: { ...part.data, outcome } as ResultData, isReplacement: true });
    expect(visible()).toEqual(['Replace cell', 'Insert below', 'Copy']);
    expect(buttons().filter(button => button.classList.contains('jp-mod-accept'))).toEqual([]);
    const findings = [{ is_applied: true }];
    show({ data: { ...part.data, findings } as ResultData });
    expect(buttonOf('Replace cell')?.classList.contains('jp-mod-accept')).toBe(true);
  });

  it('say what they did and offer to go there', async () => {
    await press('Insert below');
    expect(message()).toBe('Inserted below');
    await press('Go to cell');
    expect(part.goTo).toHaveBeenCalledWith('new');
    expect(message()).toBe('Inserted below');
  });

  it('do not insert twice unasked', async () => {
    part.find = () => 'new';
    await press('Insert below');
    expect(part.insert).not.toHaveBeenCalled();
    expect(message()).toBe('Already inserted');
    expect(visible().slice(3)).toEqual(['Go to cell', 'Insert again']);
    await press('Insert again');
    expect(part.insert).toHaveBeenCalledOnce();
    expect(visible().slice(3)).toEqual(['Go to cell']);
  });

  it('replace', async () => {
    await press('Replace cell');
    expect(part.replace).toHaveBeenCalledOnce();
    expect(message()).toBe('Replaced');
  });

  it('replace and run the cell that an answer rewrites, and no other', async () => {
    const rewrite = { before: '', hidden: [], is_offered: true };
    const blocks = [{ cell_type: 'code' }] as ResultData['blocks'];
    show({ isReplacement: true, data: { rewrite, blocks } as unknown as ResultData });
    expect(visible()).toEqual(['Replace cell', 'Accept and run', 'Insert below', 'Copy']);
    await press('Accept and run');
    expect(part.replaceAndRun).toHaveBeenCalledOnce();
    expect(message()).toBe('Replaced and run');

    part.replaceObstacle = 'Already replaced';
    await press('Accept and run');
    expect(part.replaceAndRun).toHaveBeenCalledOnce();
    expect(message()).toBe('Already replaced');
  });

  it('do not replace a cell that must not be', () => {
    show({ isReplaceable: false });
    expect(visible()).toEqual(['Insert below', 'Copy']);
  });

  it('offer a cell that is only repeated neither in its place nor below it', () => {
    show({ isReplaceable: false, repeatsCell: true });
    expect(visible()).toEqual(['Copy']);
  });

  it('do not replace a cell that is not what it was, and say so', async () => {
    part.replaceObstacle = 'That cell has been changed since: ask again';
    await press('Replace cell');
    expect(part.replace).not.toHaveBeenCalled();
    expect(message()).toBe('That cell has been changed since: ask again');
  });

  it('change nothing when there is an obstacle, and name it', async () => {
    part.obstacle = 'This notebook is read-only';
    await press('Insert below');
    await press('Replace cell');
    expect(part.insert).not.toHaveBeenCalled();
    expect(part.replace).not.toHaveBeenCalled();
    expect(message()).toBe('This notebook is read-only');
  });

  it('say when the asking cell or the new one is gone', async () => {
    part.insert = () => null;
    await press('Insert below');
    expect(message()).toBe('The cell that asked is no longer in this notebook');
    part.insert = () => 'new';
    part.goTo = () => false;
    await press('Insert below');
    await press('Go to cell');
    expect(message()).toBe('That cell is gone');
    expect(visible()).not.toContain('Go to cell');
  });

  it('have names that tell the blocks of an answer apart, in a group with a name', () => {
    const label = (text: string) => buttonOf(text)?.getAttribute('aria-label');
    expect(label('Copy')).toBeNull();
    const data = { blocks: [{}, {}] } as unknown as ResultData;
    show({ data, name: 'code block 2 of 2' });
    expect(label('Copy')).toBe('Copy, code block 2 of 2');
    expect(row.node.getAttribute('role')).toBe('group');
    expect(row.node.getAttribute('aria-label')).toBe('code block 2 of 2');
  });

  it('leave the focus in their row when the one that was pressed is gone', async () => {
    document.body.replaceChildren(row.node);
    part.find = () => 'new';
    await press('Insert below');
    buttonOf('Insert again')?.focus();
    await press('Insert again');
    expect(buttonOf('Insert again')).toBeUndefined();
    expect(document.activeElement?.textContent).toBe('Go to cell');
  });

  it('copy', async () => {
    await press('Copy');
    expect(part.copy).toHaveBeenCalledOnce();
    expect(message()).toBe('Copied');
  });
});

describe('the buttons under an answer', () => {
  const whole = { answer_id: 'a1', finish_reason: 'stop', text: 'x' } as ResultData;

  beforeEach(() => show({ kind: 'answer', data: whole, canAskMore: true }));

  it('ask about it and for another one', async () => {
    expect(visible()).toEqual(['Follow up', 'Try again']);
    await press('Follow up');
    expect(part.openField).toHaveBeenCalledOnce();
    await press('Try again');
    expect(part.tryAgain).toHaveBeenCalledOnce();
  });

  it.each(['length', 'cancelled'])('go on with one that ended by %s', async finish_reason => {
    show({ data: { ...whole, finish_reason } });
    expect(visible()).toEqual(['Continue', 'Follow up', 'Try again']);
    await press('Continue');
    expect(part.goOn).toHaveBeenCalledOnce();
  });

  it('do not go on with nothing', () => {
    show({ data: { ...whole, finish_reason: 'cancelled', text: '' } });
    expect(visible()).not.toContain('Continue');
  });

  it('say at once what to do where the kernel does not know it', async () => {
    const reason = 'run its cell again';
    show({ askObstacle: reason });
    for (const label of visible()) {
      expect([buttonOf(label)?.title, buttonOf(label)?.ariaDisabled]).toEqual([reason, 'true']);
      await press(label);
      expect(message()).toBe(reason);
    }
    expect(part.openField).not.toHaveBeenCalled();
    expect(part.tryAgain).not.toHaveBeenCalled();

    part.askObstacle = null;
    row.update();
    expect(buttonOf('Follow up')?.title).toMatch(/^Ask about this answer/);
    await press('Follow up');
    expect(part.openField).toHaveBeenCalledOnce();
  });

  it('are not there for an answer that the kernel cannot know', () => {
    show({ data: { ...whole, answer_id: null } });
    expect(visible()).toEqual([]);
    show({ kind: 'block', data: whole });
    expect(visible()).not.toContain('Follow up');
  });

  it('come and go with the kernel', () => {
    part.canAskMore = false;
    row.update();
    expect(visible()).toEqual([]);
    part.canAskMore = true;
    row.update();
    expect(visible()).toEqual(['Follow up', 'Try again']);
  });

  it('say what is done, and what came of it', async () => {
    part.tryAgain = () => Promise.resolve('Nothing new came');
    buttonOf('Try again')?.click();
    expect(message()).toBe('Answering …');
    expect(buttonOf('Try again')?.ariaDisabled).toBe('true');
    await settle();
    expect(message()).toBe('Nothing new came');
    expect(buttonOf('Try again')?.ariaDisabled).not.toBe('true');
  });

  it('take the focus, or the first one does', () => {
    document.body.append(row.node);
    row.focus('try-again');
    expect(document.activeElement?.textContent).toBe('Try again');
    row.focus('continue');
    expect(document.activeElement?.textContent).toBe('Follow up');
    row.node.remove();
  });
});

describe('an action of the list', () => {
  const icon = { element: () => document.createElement('span') } as unknown as IAction['icon'];
  const action: IAction = {
    id: 'count',
    icon,
    label: () => 'Count',
    caption: () => 'Count what is there',
    isVisible: () => true,
    run: () => ({ message: '3' })
  };

  it('needs nothing but its object to be a button', async () => {
    show({}, action);
    expect(visible()).toEqual(['Count']);
    expect(buttonOf('Count')?.title).toBe('Count what is there');
    await press('Count');
    expect(message()).toBe('3');
  });

  it('that fails at once is told as well', async () => {
    const run = () => {
      throw new Error('broken');
    };
    show({}, { ...action, run });
    await press('Count');
    expect(notifyFailure).toHaveBeenCalledExactlyOnceWith(new Error('broken'));
  });
});

describe('what a row says', () => {
  it.each([
    ['Insert below', 'Inserted below', null],
    ['Replace cell', 'Replaced', 'x = 0'],
    ['Accept and run', 'Replaced and run', 'x = 0']
  ])('of %s is taken back when it is undone', async (label, said, source) => {
    const rewrite = { before: '', hidden: [], is_offered: true };
    const blocks = [{ cell_type: 'code' }] as ResultData['blocks'];
    show({ isReplaceable: true, data: { rewrite, blocks } as unknown as ResultData });
    await press(label);
    row.recheck();
    expect(message()).toBe(said);

    part.sourceOf = () => source;
    row.recheck();
    expect(message()).toBe('');
    expect(visible()).not.toContain('Go to cell');
  });

  it('of an inserted cell still holds when that is edited', async () => {
    show();
    await press('Insert below');
    part.sourceOf = () => 'x = 2';
    row.recheck();
    expect(message()).toBe('Inserted below');
  });
});
