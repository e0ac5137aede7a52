/** The comm's life: hello, restart, reconnection, another kernel, the end. */

import type { ISessionContext } from '@jupyterlab/apputils';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { NotebookBridge } from '../src/bridge';
import { HELLO_TARGET } from '../src/protocol';
import { FakeKernel, FakeSession, settle } from './fakeKernel';
import { ENGLISH } from './translations';

const CELLS = { path: 'a.ipynb', cells: [] };
const STATUS = { model: 'm', engine: 'e', state: 'idle', tokens_per_s: null };

let kernel: FakeKernel;
let session: FakeSession;
let bridge: NotebookBridge;

function connect(to: FakeKernel | null): void {
  session = new FakeSession(to);
  bridge = new NotebookBridge({
    sessionContext: session as unknown as ISessionContext,
    trans: ENGLISH
  });
}

beforeEach(() => {
  kernel = new FakeKernel();
  connect(kernel);
});

describe('a bridge', () => {
  it('opens when the kernel says hello, and says so before anything else is sent', async () => {
    bridge.opened.connect(() => bridge.notify('settings', { context_cells: 3 }));
    expect(bridge.isLive).toBe(false);
    await kernel.hello();
    expect(bridge.isLive).toBe(true);
    const payload = { context_cells: 3 };
    expect(kernel.comm.sent).toEqual([
      { version: 2, type: 'open' },
      { version: 2, type: 'notification', method: 'settings', payload }
    ]);
  });

  it('finds an extension that was loaded before the page came', async () => {
    connect(new FakeKernel(true));
    await settle();
    expect(bridge.isLive).toBe(true);
  });

  it('has one comm, however often the kernel says hello', async () => {
    await kernel.hello();
    await kernel.hello();
    expect(kernel.comms.map(comm => comm.isDisposed)).toEqual([true, false]);
  });

  it('answers the kernel by its handlers, on every comm', async () => {
    bridge.handlers.handle('get_cells', ({ asking }) => ({ ...CELLS, asking }));
    await kernel.hello();
    await kernel.hello();
    kernel.comm.hear({
      type: 'request',
      request_id: 'k1',
      method: 'get_cells',
      payload: { asking: 'c' }
    });
    await settle();
    expect(kernel.comm.sent.slice(1)).toEqual([
      { version: 2, type: 'response', request_id: 'k1', result: { ...CELLS, asking: 'c' } }
    ]);
  });

  it('says nothing before it is live and after the kernel is gone', async () => {
    bridge.notify('stop', {});
    await expect(bridge.request('get_stats', {})).rejects.toThrow('kernel is gone');
    await kernel.hello();
    kernel.status = 'restarting';
    bridge.notify('stop', {});
    await expect(bridge.request('get_stats', {})).rejects.toThrow('kernel is gone');
    expect(kernel.comm.sent.length).toBe(1);
  });

  it.each(['restarting', 'autorestarting', 'dead'])('drops its comm on %s', async status => {
    await kernel.hello();
    const changed = vi.fn();
    bridge.statusChanged.connect(changed);
    session.statusChanged.emit(status);
    expect(bridge.isLive).toBe(false);
    expect(changed).toHaveBeenCalledOnce();
    await kernel.hello();
    expect(bridge.isLive).toBe(true);
  });

  it('looks for the extension again after a lost connection', async () => {
    connect(new FakeKernel(false));
    const to = session.session.kernel;
    await settle();
    session.connectionStatusChanged.emit('connected');
    expect(to?.requestCommInfo).toHaveBeenCalledTimes(2);
  });

  it('leaves the old kernel alone when another one takes its place', async () => {
    await kernel.hello();
    const other = new FakeKernel(true);
    session.kernelChanged.emit({ newValue: other });
    await settle();
    expect(kernel.targets.size).toBe(0);
    expect(kernel.comm.isDisposed).toBe(true);
    expect(other.comms.length).toBe(1);
  });

  it('opens nothing on a kernel that went while its subshell started', async () => {
    kernel.targets.get(HELLO_TARGET)?.();
    session.kernelChanged.emit({ newValue: null });
    await settle();
    expect(bridge.isLive).toBe(false);
    expect(kernel.comm.sent).toEqual([]);
  });

  it('keeps out where another connection handles the comms', async () => {
    const other = new FakeKernel(true);
    other.handleComms = false;
    connect(other);
    await settle();
    expect(other.targets.size).toBe(0);
    expect(bridge.isLive).toBe(false);
  });

  it('survives a kernel that knows no comms', async () => {
    const silent = new FakeKernel();
    silent.requestCommInfo = vi.fn(() => Promise.reject(new Error('unknown message')));
    connect(silent);
    await settle();
    expect(bridge.isLive).toBe(false);
  });

  it('stops by a message on a subshell, and by an interrupt without', async () => {
    await kernel.hello();
    await bridge.stop();
    expect(kernel.comm.sent.at(-1)).toEqual({
      version: 2,
      type: 'notification',
      method: 'stop',
      payload: {}
    });
    expect(kernel.interrupt).not.toHaveBeenCalled();

    kernel.supportsSubshells = false;
    await kernel.hello();
    await bridge.stop();
    expect(kernel.interrupt).toHaveBeenCalledOnce();
  });

  it('shows the status and forgets it with the comm', async () => {
    await kernel.hello();
    kernel.comm.hear({ type: 'notification', method: 'status', payload: STATUS });
    expect(bridge.status).toEqual(STATUS);
    kernel.comm.close();
    expect(bridge.status).toBeNull();
  });

  it('knows the answers that the kernel knows, until that is gone', async () => {
    const changed = vi.fn();
    await kernel.hello();
    bridge.statusChanged.connect(changed);
    const payload = { answer_ids: ['a1', 'a2'] };
    kernel.comm.hear({ type: 'notification', method: 'answers', payload });
    expect(changed).toHaveBeenCalledOnce();
    expect(['a1', 'a2', 'a3'].map(id => bridge.knows(id))).toEqual([true, true, false]);
    session.statusChanged.emit('restarting');
    expect(bridge.knows('a1')).toBe(false);
    await kernel.hello();
    kernel.comm.hear({ type: 'notification', method: 'answers', payload: { answer_ids: [] } });
    expect(bridge.knows('a1')).toBe(false);
  });

  it('takes all answers for known by a kernel that does not say which are', async () => {
    await kernel.hello();
    expect(bridge.knows('a1')).toBe(true);
  });

  it('hands on complaints, of other versions too, and ignores what is malformed', async () => {
    await kernel.hello();
    const failed = vi.fn();
    bridge.failed.connect((_, message) => failed(message));
    kernel.comm.hear({ type: 'error', request_id: null, message: 'no' });
    kernel.comm.hear({ type: 'error', request_id: null, message: 3 });
    kernel.comm.hear({ version: 1, type: 'error', message: 'version 1' });
    expect(failed.mock.calls).toEqual([['no'], ['version 1']]);
  });

  it('brings a response to who asked', async () => {
    await kernel.hello();
    const asked = bridge.request('get_stats', {});
    const request_id = kernel.comm.sent.at(-1)?.request_id;
    kernel.comm.hear({ type: 'response', request_id, result: { text: 'requests 3' } });
    expect(await asked).toEqual({ text: 'requests 3' });
  });

  it.each<[string, () => void]>([
    ['the comm closes', () => kernel.comm.close()],
    ['the kernel restarts', () => session.statusChanged.emit('restarting')],
    ['the connection is lost', () => session.connectionStatusChanged.emit('connecting')],
    ['another kernel comes', () => session.kernelChanged.emit({ newValue: null })],
    ['the extension is loaded again', () => void kernel.hello()],
    ['it is disposed', () => bridge.dispose()]
  ])('ends what is under way in both directions when %s', async (_, end) => {
    let ended: AbortSignal | undefined;
    bridge.handlers.handle('get_cells', (_, signal) => {
      ended = signal;
      return new Promise(() => undefined);
    });
    await kernel.hello();
    const asked = bridge.request('get_stats', {});
    kernel.comm.hear({
      type: 'request',
      request_id: 'k1',
      method: 'get_cells',
      payload: { asking: null }
    });
    end();
    await expect(asked).rejects.toThrow('kernel is gone');
    expect(ended?.aborted).toBe(true);
  });

  it('has the kernel stop what was asked for before the connection was lost', async () => {
    await kernel.hello();
    const asked = bridge.request('get_stats', {}).catch(() => undefined);
    session.connectionStatusChanged.emit('connecting');
    await asked;
    expect(kernel.comm.sent.at(-1)).toEqual({ version: 2, type: 'cancel', request_id: 'r1' });
    expect(bridge.isLive).toBe(true);
  });

  it('closes its comm and hears nothing more once it is disposed', async () => {
    await kernel.hello();
    const { comm } = kernel;
    bridge.dispose();
    bridge.dispose();
    expect(comm.isClosed).toBe(true);
    expect(kernel.targets.size).toBe(0);
    session.kernelChanged.emit({ newValue: new FakeKernel(true) });
    await settle();
    expect(bridge.isLive).toBe(false);
  });
});
