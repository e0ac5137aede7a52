/** What the buttons of a result do and say. */

import { beforeEach, describe, expect, it, vi } from 'vitest';

import { ActionRow } from '../src/actionRow';
import { IAction, IResultPart } from '../src/actions';
import { notifyFailure } from '../src/notifications';
import type { ResultData } from '../src/protocol';

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
    data: { answer_id: null } as ResultData,
    obstacle: null,
    isReplacement: false,
    isReplaceable: true,
    replaceObstacle: null,
    bridge: null,
    find: vi.fn(() => null),
    insert: vi.fn(() => 'new'),
    replace: vi.fn(() => 'asking'),
    sourceOf: vi.fn(() => 'x = 1'),
    goTo: vi.fn(() => true),
    copy: vi.fn()
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
    show({ kind: 'all blocks' });
    expect(visible()).toEqual(['Insert all', 'Copy all']);
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

  it('do not replace a cell that must not be', () => {
    show({ isReplaceable: false });
    expect(visible()).toEqual(['Insert below', 'Copy']);
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

  it('copy', async () => {
    await press('Copy');
    expect(part.copy).toHaveBeenCalledOnce();
    expect(message()).toBe('Copied');
  });
});

describe('the button of an answer from the response cache', () => {
  const data = { answer_id: 'a1' } as ResultData;
  let request: ReturnType<typeof vi.fn>;

  beforeEach(() => {
    request = vi.fn(() => Promise.resolve({}));
    show({ kind: 'answer', data, bridge: { request } });
  });

  it('asks once and says so', async () => {
    expect(visible()).toContain('Ask again');
    buttonOf('Ask again')?.click();
    expect(message()).toBe('Asking again …');
    await press('Ask again');
    await press('Ask again');
    expect(request).toHaveBeenCalledExactlyOnceWith('ask_again', { answer_id: 'a1' });
    expect(message()).toBe('Asking again …');
  });

  it('is not there for an answer that was generated', () => {
    show({ data: { answer_id: null } as ResultData });
    expect(visible()).not.toContain('Ask again');
    show({ data: {} as ResultData });
    expect(visible()).not.toContain('Ask again');
  });

  it('comes and goes with the kernel', () => {
    const { bridge } = part;
    show({ bridge: null });
    expect(visible()).not.toContain('Ask again');
    part.bridge = bridge;
    row.update();
    expect(visible()).toContain('Ask again');
  });

  it('says that the kernel is gone and goes as well', async () => {
    part.bridge = null;
    await press('Ask again');
    expect(visible()).not.toContain('Ask again');
    expect(message()).toBe('The kernel that gave this answer is gone');
  });

  it('tells what the kernel says went wrong, and can be pressed again', async () => {
    request.mockReturnValueOnce(Promise.reject(new Error('no such answer')));
    await press('Ask again');
    expect(notifyFailure).toHaveBeenCalledExactlyOnceWith(new Error('no such answer'));
    expect(message()).toBe('');
    expect(buttonOf('Ask again')?.disabled).toBe(false);
  });
});

describe('an action of the list', () => {
  const icon = { element: () => document.createElement('span') } as unknown as IAction['icon'];
  const action: IAction = {
    id: 'count',
    icon,
    label: 'Count',
    caption: 'Count what is there',
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
    ['Replace cell', 'Replaced', 'x = 0']
  ])('of %s is taken back when it is undone', async (label, said, source) => {
    show({ isReplaceable: true });
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
