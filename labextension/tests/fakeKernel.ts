/** A kernel, a session and a comm that do what a test tells them to. */

import { Signal } from '@lumino/signaling';
import { expect, vi } from 'vitest';

import { HELLO_TARGET, NOTEBOOK_TARGET } from '../src/protocol';

export type Message = { type: string; version: number; [field: string]: unknown };

/** A comm that keeps what is sent. */
export class FakeComm {
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
    this.onMsg({ content: { data: { version: 2, ...data } } });
  }
}

/** A kernel that may have the extension loaded already. */
export class FakeKernel {
  constructor(readonly isLoaded = false) {}

  id = 'k';
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
export class FakeSession {
  constructor(kernel: FakeKernel | null) {
    this.session = { kernel };
  }

  session: { kernel: FakeKernel | null };
  kernelChanged = new Signal<this, { newValue: FakeKernel | null }>(this);
  statusChanged = new Signal<this, string>(this);
  connectionStatusChanged = new Signal<this, string>(this);
}

/** Let what has been begun come to its end. */
export async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 0));
}
