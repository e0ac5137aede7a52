/** One notebook's comm to its kernel, through restarts, reconnections and other kernels. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage as JupyterMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Connection, connectionGone, Handlers, IRequestOptions } from './connection';
import {
  FrontEndMessage,
  HELLO_TARGET,
  KernelNotifications,
  KernelRequests,
  NOTEBOOK_TARGET,
  parseKernelMessage,
  PROTOCOL_VERSION,
  Status
} from './protocol';

/** A subshell is there within milliseconds; without one the comm works between cells. */
const SUBSHELL_TIMEOUT_MS = 3000;

const GONE_STATUSES: ReadonlySet<string> = new Set([
  'restarting',
  'autorestarting',
  'terminating',
  'dead',
  'unknown'
]);

/**
 * The front end's end of the comm.
 *
 * Several views of one notebook share one bridge, as they share the kernel.
 */
export class NotebookBridge implements IDisposable {
  constructor(options: NotebookBridge.IOptions) {
    this._sessionContext = options.sessionContext;
    this._trans = options.trans;
    this.handlers.on('status', status => {
      this._status = status;
      this._statusChanged.emit();
    });
    this.handlers.on('answers', ({ answer_ids: ids }) => {
      this._answers = new Set(ids);
      this._statusChanged.emit();
    });
    this._sessionContext.kernelChanged.connect(this._onKernelChanged, this);
    this._sessionContext.statusChanged.connect(this._onKernelStatusChanged, this);
    this._sessionContext.connectionStatusChanged.connect(this._onConnectionStatusChanged, this);
    this._attach(this._sessionContext.session?.kernel ?? null);
  }

  /** The handlers of what the kernel sends. */
  readonly handlers = new Handlers();

  /** Whether the kernel has the extension loaded and a comm is open. */
  get isLive(): boolean {
    return this._comm !== null && !this._comm.isDisposed;
  }

  /** What the kernel's session is doing, or null while there is none. */
  get status(): Status | null {
    return this.isLive ? this._status : null;
  }

  /** Whether the kernel can be asked about an answer; as far as is known, until it has said so. */
  knows(answerId: string): boolean {
    return this.isLive && this._answers?.has(answerId) !== false;
  }

  /** Emitted when a comm has opened, before anything else goes over it. */
  get opened(): ISignal<this, void> {
    return this._opened;
  }

  /** Emitted when the comm opens or closes, and when the state or the known answers change. */
  get statusChanged(): ISignal<this, void> {
    return this._statusChanged;
  }

  /** Emitted when the kernel could not use a message that has no answer. */
  get failed(): ISignal<this, string> {
    return this._failed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    if (this._canSend) {
      this._comm?.close();
    }
    this._attach(null);
    Signal.clearData(this);
  }

  /** Tell the kernel something, if there is one. */
  notify<M extends keyof KernelNotifications>(method: M, payload: KernelNotifications[M]): void {
    this._connection?.notify(method, payload);
  }

  /** Ask the kernel; see `Connection.request`. */
  request<M extends keyof KernelRequests>(
    method: M,
    payload: KernelRequests[M]['payload'],
    options?: IRequestOptions<KernelRequests[M]['result']>
  ): Promise<KernelRequests[M]['result']> {
    return this._connection && this._canSend
      ? this._connection.request(method, payload, options)
      : Promise.reject(connectionGone(this._trans));
  }

  /**
   * End the running answer: by a message if the kernel hears it, else by an interrupt.
   *
   * @param cellId - The cell whose answer is meant; none for all.
   */
  async stop(cellId: string | null = null): Promise<void> {
    if (this._isOnSubshell) {
      this.notify('stop', cellId === null ? {} : { cell_id: cellId });
    } else {
      await this._kernel?.interrupt();
    }
  }

  private _attach(kernel: Kernel.IKernelConnection | null): void {
    this._drop();
    this._kernel?.removeCommTarget(HELLO_TARGET, this._onHello);
    this._kernel = kernel;
    // Of several connections to a kernel on one page only one may handle comms.
    if (kernel?.handleComms) {
      kernel.registerCommTarget(HELLO_TARGET, this._onHello);
      void this._discover(kernel);
    }
  }

  /** Open the comm if the extension was loaded before this page came. */
  private async _discover(kernel: Kernel.IKernelConnection): Promise<void> {
    try {
      const reply = await kernel.requestCommInfo({ target_name: HELLO_TARGET });
      const { content } = reply;
      const isLoaded = content.status === 'ok' && Object.keys(content.comms).length > 0;
      if (isLoaded && kernel === this._kernel && !this.isLive) {
        await this._open(kernel);
      }
    } catch {
      // The kernel is gone or has no comms; it says hello when it has the extension.
    }
  }

  private async _open(kernel: Kernel.IKernelConnection): Promise<void> {
    this._drop();
    const attempt = (this._attempts += 1);
    const comm = kernel.createComm(NOTEBOOK_TARGET);
    const isOnSubshell = kernel.supportsSubshells === true && (await hasSubshell(comm));
    if (attempt !== this._attempts || kernel.isDisposed || this._isDisposed) {
      comm.dispose();
      return;
    }
    const connection = new Connection({
      handlers: this.handlers,
      trans: this._trans,
      send: message => this._send(message),
      failed: message => this._failed.emit(message)
    });
    comm.onMsg = message => receive(connection, message);
    comm.onClose = () => this._onClosed(comm);
    this._comm = comm;
    this._connection = connection;
    this._isOnSubshell = isOnSubshell;
    comm.open(versioned({ type: 'open' }));
    this._opened.emit();
    this._statusChanged.emit();
  }

  /** Forget the comm, and end what is in progress on it. */
  private _drop(): void {
    this._attempts += 1;
    const comm = this._comm;
    this._connection?.close();
    this._comm = null;
    this._connection = null;
    this._isOnSubshell = false;
    this._status = null;
    this._answers = null;
    if (comm) {
      comm.dispose();
      this._statusChanged.emit();
    }
  }

  private _send(message: FrontEndMessage): void {
    if (this._canSend) {
      this._comm?.send(versioned(message));
    }
  }

  private get _canSend(): boolean {
    return this.isLive && !GONE_STATUSES.has(this._kernel?.status ?? 'dead');
  }

  private _onClosed(comm: Kernel.IComm): void {
    if (this._comm === comm) {
      this._drop();
    }
  }

  // An attribute, so that the same function can be unregistered. Waiting for the kernel in
  // here would block the very messages that it waits for.
  private readonly _onHello = (): void => {
    if (this._kernel) {
      void this._open(this._kernel);
    }
  };

  private _onKernelChanged(
    _: ISessionContext,
    change: { newValue: Kernel.IKernelConnection | null }
  ): void {
    this._attach(change.newValue);
  }

  private _onKernelStatusChanged(_: ISessionContext, status: Kernel.Status): void {
    if (GONE_STATUSES.has(status)) {
      this._drop();
    }
  }

  private _onConnectionStatusChanged(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    if (status !== 'connected') {
      this._connection?.interrupt();
    } else if (this._kernel?.handleComms && !this.isLive) {
      void this._discover(this._kernel);
    }
  }

  private readonly _sessionContext: ISessionContext;
  private readonly _trans: TranslationBundle;
  private readonly _opened = new Signal<this, void>(this);
  private readonly _statusChanged = new Signal<this, void>(this);
  private readonly _failed = new Signal<this, string>(this);
  private _kernel: Kernel.IKernelConnection | null = null;
  private _comm: Kernel.IComm | null = null;
  private _connection: Connection | null = null;
  private _isOnSubshell = false;
  private _status: Status | null = null;
  /** What the kernel knows; one with a package of another release may never say. */
  private _answers: ReadonlySet<string> | null = null;
  private _attempts = 0;
  private _isDisposed = false;
}

export namespace NotebookBridge {
  /** What a bridge needs. */
  export interface IOptions {
    sessionContext: ISessionContext;
    trans: TranslationBundle;
  }
}

function receive(connection: Connection, message: JupyterMessage.ICommMsgMsg): void {
  const data = parseKernelMessage(message.content.data);
  if (data) {
    connection.receive(data);
  }
}

function versioned(message: FrontEndMessage): JSONObject {
  return { version: PROTOCOL_VERSION, ...message } as JSONObject;
}

/** Wait for the comm's subshell, in those releases of JupyterLab that have them. */
async function hasSubshell(comm: Kernel.IComm): Promise<boolean> {
  if (!('subshellStarted' in comm) || String(comm.commsOverSubshells) === 'disabled') {
    return false;
  }
  let timer = 0;
  const timeout = new Promise<boolean>(resolve => {
    timer = window.setTimeout(() => resolve(false), SUBSHELL_TIMEOUT_MS);
  });
  const started = Promise.resolve(comm.subshellStarted).then(() => true);
  const result = await Promise.race([started, timeout]);
  window.clearTimeout(timer);
  return result;
}
