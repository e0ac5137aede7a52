/** One notebook's comm to its kernel, through restarts, reconnections and other kernels. */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage as JupyterMessage } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import {
  Cell,
  FrontEndMessage,
  HELLO_TARGET,
  InsertMessage,
  KernelMessage,
  KernelSettings,
  NOTEBOOK_TARGET,
  parseKernelMessage,
  PROTOCOL_VERSION,
  StatusMessage
} from './protocol';

/** A subshell is there within milliseconds; without one the comm works between cells. */
const SUBSHELL_TIMEOUT_MS = 3000;

const GONE: ReadonlySet<string> = new Set([
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
    this._describe = options.describe;
    this._settings = options.settings;
    this._sessionContext.kernelChanged.connect(this._onKernelChanged, this);
    this._sessionContext.statusChanged.connect(this._onKernelStatusChanged, this);
    this._sessionContext.connectionStatusChanged.connect(this._onConnectionStatusChanged, this);
    this._attach(this._sessionContext.session?.kernel ?? null);
  }

  /** Whether the kernel has the extension loaded and a comm is open. */
  get isLive(): boolean {
    return this._comm !== null && !this._comm.isDisposed;
  }

  /** What the kernel's session is doing, or null while there is none. */
  get status(): StatusMessage | null {
    return this.isLive ? this._status : null;
  }

  /** Emitted when the comm opens or closes and when the session's state changes. */
  get statusChanged(): ISignal<this, void> {
    return this._statusChanged;
  }

  /** Emitted when the kernel wants a cell inserted. */
  get insertRequested(): ISignal<this, InsertMessage> {
    return this._insertRequested;
  }

  /** Emitted when the kernel could not use a message. */
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

  /** Tell the kernel the cells as they are right before `asking` runs. */
  push(asking: string): void {
    if (this.isLive) {
      this._send({ type: 'notebook', ...this._describe(asking) });
    }
  }

  /** Tell the kernel that the settings have changed. */
  pushSettings(): void {
    this._send({ type: 'settings', settings: this._settings() });
  }

  /** End the answer that is being generated: by message if that is heard, else by interrupt. */
  async stop(): Promise<void> {
    if (this._isOnSubshell) {
      this._send({ type: 'stop' });
    } else {
      await this._kernel?.interrupt();
    }
  }

  /** Have the question of a replayed answer asked once more, in that answer's place. */
  askAgain(answerId: string): void {
    this._send({ type: 'ask_again', answer_id: answerId });
  }

  /** Return the session's figures, or null if the connection ends before they come. */
  requestStats(): Promise<string | null> {
    if (!this.isLive) {
      return Promise.resolve(null);
    }
    const request = `stats-${(this._requests += 1)}`;
    return new Promise(resolve => {
      this._waiting.set(request, resolve);
      this._send({ type: 'get_stats', request_id: request });
    });
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
      // The kernel went away or knows no comms: a hello will come if there is anything to say.
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
    comm.onMsg = message => this._onMessage(message);
    comm.onClose = () => this._onClosed(comm);
    this._comm = comm;
    this._isOnSubshell = isOnSubshell;
    comm.open(versioned({ type: 'open', settings: this._settings() }));
    this._statusChanged.emit();
  }

  /** Forget the comm; what still waits for an answer gets none. */
  private _drop(): void {
    this._attempts += 1;
    const comm = this._comm;
    this._comm = null;
    this._isOnSubshell = false;
    this._status = null;
    this._waiting.forEach(resolve => resolve(null));
    this._waiting.clear();
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
    return this.isLive && !GONE.has(this._kernel?.status ?? 'dead');
  }

  private _onMessage(message: JupyterMessage.ICommMsgMsg): void {
    const data = parseKernelMessage(message.content.data);
    if (data) {
      this._handle(data);
    }
  }

  private _handle(message: KernelMessage): void {
    switch (message.type) {
      case 'get_cells':
        this._send({
          type: 'cells',
          request_id: message.request_id,
          ...this._describe(message.asking)
        });
        break;
      case 'insert':
        this._insertRequested.emit(message);
        break;
      case 'status':
        this._status = message;
        this._statusChanged.emit();
        break;
      case 'stats':
        this._waiting.get(message.request_id)?.(message.text);
        this._waiting.delete(message.request_id);
        break;
      case 'error':
        this._failed.emit(message.message);
        break;
      case 'hello':
        break;
    }
  }

  private _onClosed(comm: Kernel.IComm): void {
    if (this._comm === comm) {
      this._drop();
    }
  }

  // An attribute, so that the very function that was registered can be removed. Waiting for
  // the kernel in here would block the messages that are waited for.
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
    if (GONE.has(status)) {
      this._drop();
    }
  }

  private _onConnectionStatusChanged(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    if (status === 'connected' && this._kernel?.handleComms && !this.isLive) {
      void this._discover(this._kernel);
    }
  }

  private readonly _sessionContext: ISessionContext;
  private readonly _describe: NotebookBridge.Describe;
  private readonly _settings: () => KernelSettings;
  private readonly _statusChanged = new Signal<this, void>(this);
  private readonly _insertRequested = new Signal<this, InsertMessage>(this);
  private readonly _failed = new Signal<this, string>(this);
  private readonly _waiting = new Map<string, (text: string | null) => void>();
  private _kernel: Kernel.IKernelConnection | null = null;
  private _comm: Kernel.IComm | null = null;
  private _isOnSubshell = false;
  private _status: StatusMessage | null = null;
  private _attempts = 0;
  private _requests = 0;
  private _isDisposed = false;
}

export namespace NotebookBridge {
  /** Give the notebook as the kernel is to see it. */
  export type Describe = (asking: string | null) => {
    path: string;
    asking: string | null;
    cells: Cell[];
  };

  /** What a bridge needs. */
  export interface IOptions {
    sessionContext: ISessionContext;
    describe: Describe;
    settings: () => KernelSettings;
  }
}

function versioned(message: FrontEndMessage): JSONObject {
  return { version: PROTOCOL_VERSION, ...message };
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
