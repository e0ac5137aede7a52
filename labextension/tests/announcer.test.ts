/** What is said of an answer to those who do not see it. */

import { NotebookActions } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { Announcer } from '../src/announcer';
import type { IBridges } from '../src/openNotebooks';
import { RESULT_MIME, RESULT_VERSION, Status } from '../src/protocol';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/notebook', async () => {
  const { Signal: Emitter } = await import('@lumino/signaling');
  const made = () => new Emitter({});
  return { NotebookActions: { executed: made(), executionScheduled: made() } };
});

type Emitter = { emit(args: object): void };
type Bridge = { status: Partial<Status> };

const { executed, executionScheduled } = NotebookActions as unknown as Record<string, Emitter>;
let bridges: { current: Bridge; currentChanged: Signal<object, void> };
let announcer: Announcer;

function become(state: Status['state']): void {
  bridges.current.status = { state };
  bridges.currentChanged.emit();
}

function cell(source: string, finishReason = 'stop') {
  const data = {
    ...{ version: RESULT_VERSION, text: '', finish_reason: finishReason, footer: '', prompt: '' },
    ...{ insert: '', cell_id: null, replaces_cell_id: null, record: {}, blocks: [] }
  };
  const outputs = { length: 1, get: () => ({ data: { [RESULT_MIME]: data } }) };
  const sharedModel = { getSource: () => source };
  return { model: { outputs, sharedModel, isDisposed: false, executionState: 'running' } };
}

beforeEach(() => {
  bridges = { current: { status: { state: 'idle' } }, currentChanged: new Signal({}) };
  announcer = new Announcer({ bridges: bridges as unknown as IBridges, trans: ENGLISH });
  bridges.currentChanged.emit();
});

describe('the live region', () => {
  it('is one', () => {
    expect(announcer.node.getAttribute('role')).toBe('status');
    expect(announcer.node.textContent).toBe('');
  });

  it.each([
    ['stop', 'The answer is finished'],
    ['cancelled', 'The answer was stopped'],
    ['length', 'The answer was cut off']
  ])('says that an answer begins and how it ends: %s', (reason, words) => {
    const asking = cell('%%codeface\nplot it', reason);
    executionScheduled?.emit({ cell: asking });
    become('loading');
    expect(announcer.node.textContent).toBe('CodeFace is loading the model');
    become('generating');
    expect(announcer.node.textContent).toBe('CodeFace is answering');
    become('idle');
    executed?.emit({ cell: asking, success: true });
    expect(announcer.node.textContent).toBe(words);
  });

  it('says that one was stopped before its first word', () => {
    const asking = cell('%%codeface\nplot it');
    asking.model.outputs = { length: 0, get: () => ({ data: {} as never }) };
    executionScheduled?.emit({ cell: asking });
    become('generating');
    become('idle');
    executed?.emit({ cell: asking, success: true });
    expect(announcer.node.textContent).toBe('The answer was stopped');
  });

  it('says so too where another cell is scheduled meanwhile', () => {
    const asking = cell('%%codeface\nplot it');
    asking.model.outputs = { length: 0, get: () => ({ data: {} as never }) };
    executionScheduled?.emit({ cell: asking });
    become('loading');
    executionScheduled?.emit({ cell: cell('%%codeface\nplot more') });
    become('idle');
    executed?.emit({ cell: asking, success: true });
    expect(announcer.node.textContent).toBe('The answer was stopped');
  });

  it('says no end of a cell that has only shown what would be sent', () => {
    become('loading');
    become('idle');
    const asking = cell('%%codeface --dry-run\nplot it');
    asking.model.outputs = { length: 0, get: () => ({ data: {} as never }) };
    executionScheduled?.emit({ cell: asking });
    executed?.emit({ cell: asking, success: true });
    expect(announcer.node.textContent).toBe('The answer is finished');
  });

  it.each<Status['state']>(['generating', 'idle'])(
    'says no end of a cell that left its answer to the background: %s',
    state => {
      const asking = cell('%%codeface --background\nplot it');
      asking.model.outputs = { length: 0, get: () => ({ data: {} as never }) };
      executionScheduled?.emit({ cell: asking });
      become(state);
      executed?.emit({ cell: asking, success: true });
      expect(announcer.node.textContent).toBe(state === 'idle' ? '' : 'CodeFace is answering');
    }
  );

  it('says why one failed', () => {
    const asking = cell('%codeface_fix');
    executionScheduled?.emit({ cell: asking });
    become('loading');
    executed?.emit({ cell: asking, success: false, error: new Error('no such model') });
    expect(announcer.node.textContent).toBe('CodeFace failed: no such model');
  });

  it('says that one has ended that no cell waits for', () => {
    become('generating');
    become('idle');
    expect(announcer.node.textContent).toBe('The answer is finished');
  });

  it.each([
    ['kernel', { executionState: 'idle' }],
    ['notebook', { isDisposed: true }]
  ])('no longer waits for a cell whose %s went away meanwhile', (_, gone) => {
    const asking = cell('%%codeface\nplot it');
    executionScheduled?.emit({ cell: asking });
    Object.assign(asking.model, gone);
    become('generating');
    become('idle');
    expect(announcer.node.textContent).toBe('The answer is finished');
  });

  it('says nothing of other cells, nor when another notebook comes to the front', () => {
    executionScheduled?.emit({ cell: cell('1 / 0') });
    executed?.emit({ cell: cell('1 / 0'), success: false, error: new Error('division by zero') });
    bridges.current = { status: { state: 'generating' } };
    bridges.currentChanged.emit();
    expect(announcer.node.textContent).toBe('');
  });
});
