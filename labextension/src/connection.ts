/** The messages of one comm: notifications, and requests that can be cancelled, both ways. */

import type { TranslationBundle } from '@jupyterlab/translation';

import {
  FrontEndMessage,
  FrontEndNotifications,
  FrontEndRequests,
  isPayload,
  isResult,
  KernelMessage,
  KernelNotifications,
  KernelRequests,
  MAX_ERROR_CHARACTERS
} from './protocol';

/** How a request is made. */
export interface IRequestOptions<Result> {
  /** Gives the request up when it is aborted. */
  signal?: AbortSignal;

  /** Called with the result so far. */
  onPartial?: (result: Result) => void;

  /** Called once the kernel is done with the request, also if it was given up before that. */
  onEnd?: () => void;
}

type Fields = Record<string, unknown>;
type NotificationHandler = (payload: Fields) => void;
type RequestHandler = (payload: Fields, signal: AbortSignal) => Fields | Promise<Fields>;

/** Which handler takes which method of the kernel's; handlers outlive the comms. */
export class Handlers {
  /** Call `handler` with the payload of each notification. */
  on<M extends keyof FrontEndNotifications>(
    method: M,
    handler: (payload: FrontEndNotifications[M]) => void
  ): void {
    this._notifications.set(method, payload => {
      check(isPayload(method, payload), method);
      handler(payload as FrontEndNotifications[M]);
    });
  }

  /** Let `handler` answer each request; its signal says when the answer is no longer wanted. */
  handle<M extends keyof FrontEndRequests>(
    method: M,
    handler: (
      payload: FrontEndRequests[M]['payload'],
      signal: AbortSignal
    ) => FrontEndRequests[M]['result'] | Promise<FrontEndRequests[M]['result']>
  ): void {
    this._requests.set(method, (payload, signal) => {
      check(isPayload(method, payload), method);
      return handler(payload as FrontEndRequests[M]['payload'], signal);
    });
  }

  notificationHandler(method: string): NotificationHandler {
    return known(this._notifications, method);
  }

  requestHandler(method: string): RequestHandler {
    return known(this._requests, method);
  }

  private readonly _notifications = new Map<string, NotificationHandler>();
  private readonly _requests = new Map<string, RequestHandler>();
}

/** A request of the front end's that waits for its response. */
interface IPending {
  takePartial(result: Fields): void;
  settle(result: Fields): void;
  fail(error: Error): void;
}

/** The messages of one comm, and the requests in progress on it. */
export class Connection {
  constructor(options: Connection.IOptions) {
    this._options = options;
  }

  /** Tell the kernel something. */
  notify<M extends keyof KernelNotifications>(method: M, payload: KernelNotifications[M]): void {
    this._send({ type: 'notification', method, payload });
  }

  /**
   * Ask the kernel.
   *
   * The promise is rejected with what the kernel says went wrong, when the comm
   * closes, and when the signal is aborted.
   */
  request<M extends keyof KernelRequests>(
    method: M,
    payload: KernelRequests[M]['payload'],
    options: IRequestOptions<KernelRequests[M]['result']> = {}
  ): Promise<KernelRequests[M]['result']> {
    const { signal, onEnd, onPartial } = options;
    const { trans } = this._options;
    const id = `r${(this._requests += 1)}`;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this._isClosed) {
        throw connectionGone(this._options.trans);
      }
      const abort = () => {
        // It stays among those that wait: the kernel says when it has ended.
        this._send({ type: 'cancel', request_id: id });
        reject(signal?.reason as Error);
      };
      const end = () => {
        signal?.removeEventListener('abort', abort);
        onEnd?.();
      };
      signal?.addEventListener('abort', abort);
      this._pending.set(id, {
        takePartial: result => !signal?.aborted && isResult(method, result) && onPartial?.(result),
        settle: result => {
          end();
          if (isResult(method, result)) {
            resolve(result);
          } else {
            reject(
              new Error(trans.__('%1: the kernel sent something that this page cannot use', method))
            );
          }
        },
        fail: error => {
          end();
          reject(error);
        }
      });
      this._send({ type: 'request', request_id: id, method, payload });
    });
  }

  /** Take a message of the kernel's. */
  receive(message: KernelMessage): void {
    switch (message.type) {
      case 'notification':
        this._notified(message.method, message.payload);
        break;
      case 'request':
        void this._answer(message.request_id, message.method, message.payload);
        break;
      case 'cancel':
        // None is running if it crossed with the response.
        this._running.get(message.request_id)?.abort();
        break;
      case 'partial':
        this._pending.get(message.request_id)?.takePartial(message.result);
        break;
      case 'response':
        // None is pending if it was given up, or if this is a second one.
        this._takePending(message.request_id)?.settle(message.result);
        break;
      case 'error':
        this._failed(message.request_id ?? null, message.message);
        break;
      case 'hello':
        break;
    }
  }

  /** End what is in progress in both directions, for example when messages may be lost. */
  interrupt(): void {
    this._running.forEach(controller => controller.abort());
    for (const id of [...this._pending.keys()]) {
      this._send({ type: 'cancel', request_id: id });
      this._takePending(id)?.fail(connectionGone(this._options.trans));
    }
  }

  /** End what is in progress in both directions; nothing is sent from then on. */
  close(): void {
    this._isClosed = true;
    this.interrupt();
  }

  private _notified(method: string, payload: Fields): void {
    try {
      this._options.handlers.notificationHandler(method)(payload);
    } catch (error) {
      this._sendError(null, error);
    }
  }

  private async _answer(id: string, method: string, payload: Fields): Promise<void> {
    const controller = new AbortController();
    this._running.set(id, controller);
    try {
      const handler = this._options.handlers.requestHandler(method);
      const result = await handler(payload, controller.signal);
      this._send({ type: 'response', request_id: id, result });
    } catch (error) {
      this._sendError(id, error);
    } finally {
      this._running.delete(id);
    }
  }

  private _failed(id: string | null, message: string): void {
    if (id === null) {
      this._options.failed(message);
    } else {
      this._takePending(id)?.fail(new Error(message));
    }
  }

  private _takePending(id: string): IPending | undefined {
    const pending = this._pending.get(id);
    this._pending.delete(id);
    return pending;
  }

  private _sendError(id: string | null, error: unknown): void {
    const message = String(error instanceof Error ? error.message : error);
    // Half of a surrogate pair is not valid text, so it is dropped as well.
    const text = message.slice(0, MAX_ERROR_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '');
    this._send({ type: 'error', request_id: id, message: text });
  }

  private _send(message: FrontEndMessage): void {
    if (!this._isClosed) {
      this._options.send(message);
    }
  }

  private readonly _options: Connection.IOptions;
  private readonly _pending = new Map<string, IPending>();
  private readonly _running = new Map<string, AbortController>();
  private _requests = 0;
  private _isClosed = false;
}

export namespace Connection {
  /** What a connection needs. */
  export interface IOptions {
    handlers: Handlers;
    trans: TranslationBundle;
    send: (message: FrontEndMessage) => void;
    /** Called when the kernel could not use a message that has no answer. */
    failed: (message: string) => void;
  }
}

/** Return why a request gets no response when the comm has closed. */
export function connectionGone(trans: TranslationBundle): Error {
  return new Error(trans.__('The connection to the kernel is gone'));
}

function known<T>(handlers: Map<string, T>, method: string): T {
  const handler = handlers.get(method);
  if (!handler) {
    // Said to the kernel, not to the user.
    // eslint-disable-next-line no-restricted-syntax
    throw new Error(`This page does not know the method '${method.slice(0, 50)}'`);
  }
  return handler;
}

function check(isUsable: boolean, method: string): void {
  if (!isUsable) {
    // eslint-disable-next-line no-restricted-syntax
    throw new Error(`${method}: the kernel sent something that this page cannot use`);
  }
}
