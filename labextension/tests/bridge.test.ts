/** The comm's life: hello, restart, reconnection, another kernel, the end. */

import type { ISessionContext } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { NotebookBridge } from '../src/bridge';
import { HELLO_TARGET, NOTEBOOK_TARGET } from '../src/protocol';

type Message = { type: string; version: number; [field: string]: unknown };

/** A comm that keeps what is sent. */
class FakeComm {
  isDisposed = false;
  isClosed = false;
  sent: Message[] = [];
  subshellStarted = Promise.resolve();
  commsOverSubshells: string = 'perCommTarget';
  onMsg: (message: unknown) => void = () => undefined;
  onClose: () => void = () => undefined;

  open(data: Message): void {
    this.sent.push(data);
  }

  send(data: Message): void {
    this.sent.push(data);
  }

  close(): void {
    this.isClosed = true;
    this.onClose();
    this.dispose();
  }

  dispose(): void {
    this.isDisposed = true;
  }

  /** Let the kernel say something. */
  hear(data: object): void {
    this.onMsg({ content: { data: { version: 1, ...data } } });
  }
}

/** A kernel that may have the extension loaded already. */
class FakeKernel {
  constructor(readonly isLoaded = false) {}

  handleComms = true;
  supportsSubshells = true;
  isDisposed = false;
  status = 'idle';
  comms: FakeComm[] = [];
  targets = new Map<string, () => void>();
  interrupt = vi.fn(() => Promise.resolve());

  createComm(target: string): FakeComm {
    expect(target).toBe(NOTEBOOK_TARGET);
    const comm = new FakeComm();
    this.comms.push(comm);
    return comm;
  }

  registerCommTarget(target: string, callback: () => void): void {
    this.targets.set(target, callback);
  }

  removeCommTarget(target: string): void {
    this.targets.delete(target);
  }

  requestCommInfo = vi.fn(() =>
    Promise.resolve({ content: { status: 'ok', comms: this.isLoaded ? { id: {} } : {} } })
  );

  /** Load the extension. */
  async hello(): Promise<void> {
    this.targets.get(HELLO_TARGET)?.();
    await settle();
  }

  get comm(): FakeComm {
    const comm = this.comms.at(-1);
    if (!comm) {
      throw new Error('There is no comm.');
    }
    return comm;
  }
}

/** A session that changes its kernel and status on demand. */
class FakeSession {
  constructor(kernel: FakeKernel | null) {
    this.session = { kernel };
  }

  session: { kernel: FakeKernel | null };
  kernelChanged = new Signal<this, { newValue: FakeKernel | null }>(this);
  statusChanged = new Signal<this, string>(this);
  connectionStatusChanged = new Signal<this, string>(this);
}

const CELLS = { path: 'a.ipynb', cells: [] };

let kernel: FakeKernel;
let session: FakeSession;
let bridge: NotebookBridge;

async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 0));
}

function connect(to: FakeKernel | null): void {
  session = new FakeSession(to);
  bridge = new NotebookBridge({
    sessionContext: session as unknown as ISessionContext,
    describe: asking => ({ ...CELLS, asking }),
    settings: () => ({ context_cells: 3 })
  });
}

beforeEach(() => {
  kernel = new FakeKernel();
  connect(kernel);
});

describe('a bridge', () => {
  it('opens when the kernel says hello, with the settings', async () => {
    expect(bridge.isLive).toBe(false);
    await kernel.hello();
    expect(bridge.isLive).toBe(true);
    expect(kernel.comm.sent).toEqual([
      { version: 1, type: 'open', settings: { context_cells: 3 } }
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

  it('pushes the cells and answers the question for them', async () => {
    await kernel.hello();
    bridge.push('b');
    kernel.comm.hear({ type: 'get_cells', request_id: 'r', asking: 'c' });
    expect(kernel.comm.sent.slice(1)).toEqual([
      { version: 1, type: 'notebook', ...CELLS, asking: 'b' },
      { version: 1, type: 'cells', request_id: 'r', ...CELLS, asking: 'c' }
    ]);
  });

  it('says nothing before it is live and after the kernel is gone', async () => {
    bridge.push('b');
    await kernel.hello();
    kernel.status = 'restarting';
    bridge.push('b');
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
    expect(kernel.comm.sent.at(-1)).toEqual({ version: 1, type: 'stop' });
    expect(kernel.interrupt).not.toHaveBeenCalled();

    kernel.supportsSubshells = false;
    await kernel.hello();
    await bridge.stop();
    expect(kernel.interrupt).toHaveBeenCalledOnce();
  });

  it('names the answer whose question is to be asked again', async () => {
    bridge.askAgain('a1');
    await kernel.hello();
    bridge.askAgain('a1');
    const asked = { version: 1, type: 'ask_again', answer_id: 'a1' };
    expect(kernel.comm.sent.slice(1)).toEqual([asked]);
  });

  it('shows the status and forgets it with the comm', async () => {
    await kernel.hello();
    const status = { type: 'status', model: 'm', engine: 'e', state: 'idle', tokens_per_s: null };
    kernel.comm.hear(status);
    expect(bridge.status).toMatchObject(status);
    kernel.comm.close();
    expect(bridge.status).toBeNull();
  });

  it('hands on insertions and complaints, and ignores what is malformed', async () => {
    await kernel.hello();
    const inserted = vi.fn();
    const failed = vi.fn();
    bridge.insertRequested.connect((_, message) => inserted(message.source));
    bridge.failed.connect((_, message) => failed(message));
    const insert = { type: 'insert', cell_id: 'a', mode: 'below', cell_type: 'code' };
    kernel.comm.hear({ ...insert, source: 'x' });
    kernel.comm.hear({ ...insert, source: 3 });
    kernel.comm.hear({ type: 'error', message: 'no' });
    expect(inserted.mock.calls).toEqual([['x']]);
    expect(failed.mock.calls).toEqual([['no']]);
  });

  it('answers a question for figures, also when the kernel restarts meanwhile', async () => {
    expect(await bridge.requestStats()).toBeNull();
    await kernel.hello();
    const answered = bridge.requestStats();
    const request = kernel.comm.sent.at(-1);
    kernel.comm.hear({ type: 'stats', request_id: request?.request_id, text: 'requests 3' });
    expect(await answered).toBe('requests 3');

    const lost = bridge.requestStats();
    session.statusChanged.emit('restarting');
    expect(await lost).toBeNull();
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
