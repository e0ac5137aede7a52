/** Requests in both directions: one response each, errors, cancelling, the end. */

import { beforeEach, describe, expect, it, vi } from 'vitest';

import { Connection, Handlers } from '../src/connection';
import { FrontEndMessage, MAX_ERROR_CHARACTERS } from '../src/protocol';
import { ENGLISH } from './translations';

let sent: FrontEndMessage[];
let failed: string[];
let handlers: Handlers;
let connection: Connection;

const CELLS = { path: 'a.ipynb', asking: null, cells: [] };
const STATUS = { model: 'm', engine: 'e', state: 'idle', tokens_per_s: null };

async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 0));
}

function respond(text: unknown, request_id = 'r1'): void {
  connection.receive({ type: 'response', request_id, result: { text } });
}

/** Let the kernel ask for the cells, and return what it is told. */
async function askForCells(payload: Record<string, unknown> = { asking: null }) {
  connection.receive({ type: 'request', request_id: 'k1', method: 'get_cells', payload });
  await settle();
  return sent.at(-1);
}

beforeEach(() => {
  sent = [];
  failed = [];
  handlers = new Handlers();
  connection = new Connection({
    trans: ENGLISH,
    handlers,
    send: message => sent.push(message),
    failed: message => failed.push(message)
  });
});

describe('a request to the kernel', () => {
  it('names its method, and each has its own response', async () => {
    const first = connection.request('get_stats', {});
    const second = connection.request('get_stats', {});
    respond('two', 'r2');
    respond('one', 'r1');
    expect(await Promise.all([first, second])).toEqual([{ text: 'one' }, { text: 'two' }]);
    const request = { type: 'request', request_id: 'r1', method: 'get_stats', payload: {} };
    expect(sent[0]).toEqual(request);
  });

  it('hears partial results until the response comes', async () => {
    const onPartial = vi.fn();
    const asked = connection.request('get_stats', {}, { onPartial });
    const partial = { type: 'partial', request_id: 'r1' } as const;
    connection.receive({ ...partial, result: { text: 'a' } });
    connection.receive({ ...partial, result: { text: 3 } });
    respond('ab');
    connection.receive({ ...partial, result: { text: 'abc' } });
    expect(await asked).toEqual({ text: 'ab' });
    expect(onPartial.mock.calls).toEqual([[{ text: 'a' }]]);
  });

  it('fails with what the kernel says', async () => {
    const asked = connection.request('try_again', { answer_id: 'a1' });
    connection.receive({ type: 'error', request_id: 'r1', message: 'There is none.' });
    await expect(asked).rejects.toThrow('There is none.');
    expect(failed).toEqual([]);
  });

  it('fails with a result that is malformed', async () => {
    const asked = connection.request('get_stats', {});
    respond(3);
    await expect(asked).rejects.toThrow(
      'get_stats: the kernel sent something that this page cannot use'
    );
  });

  it('takes one response only', async () => {
    const asked = connection.request('get_stats', {});
    respond('one');
    respond('two');
    connection.receive({ type: 'error', request_id: 'r1', message: 'late' });
    respond('three', 'unknown');
    expect(await asked).toEqual({ text: 'one' });
    expect(sent.length).toBe(1);
    expect(failed).toEqual([]);
  });

  it('is given up at once when it is aborted, and the kernel is told', async () => {
    const controller = new AbortController();
    const [onEnd, onPartial] = [vi.fn(), vi.fn()];
    const { signal } = controller;
    const asked = connection.request('get_stats', {}, { signal, onEnd, onPartial });
    controller.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    expect(sent.slice(1)).toEqual([{ type: 'cancel', request_id: 'r1' }]);

    // The kernel may take a moment to end it.
    connection.receive({ type: 'partial', request_id: 'r1', result: { text: 'late' } });
    expect([onEnd, onPartial].map(called => called.mock.calls.length)).toEqual([0, 0]);
    respond('late');
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  it('that was given up ends with the connection', () => {
    const controller = new AbortController();
    const onEnd = vi.fn();
    connection
      .request('get_stats', {}, { signal: controller.signal, onEnd })
      .catch(() => undefined);
    controller.abort();
    connection.close();
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  it('is not made when it is aborted before, and cannot be aborted after', async () => {
    const early = AbortSignal.abort();
    await expect(connection.request('get_stats', {}, { signal: early })).rejects.toThrow();
    expect(sent).toEqual([]);

    const controller = new AbortController();
    const asked = connection.request('get_stats', {}, { signal: controller.signal });
    respond('one', 'r2');
    await asked;
    controller.abort();
    expect(sent.length).toBe(1);
  });

  it('fails when the connection closes, and afterwards', async () => {
    const asked = connection.request('get_stats', {});
    connection.close();
    await expect(asked).rejects.toThrow('The connection to the kernel is gone');
    await expect(connection.request('get_stats', {})).rejects.toThrow('gone');
    expect(sent.length).toBe(1);
  });
});

describe('a request of the kernel', () => {
  it('is answered by its handler', async () => {
    handlers.handle('get_cells', async ({ asking }) => ({ ...CELLS, asking }));
    expect(await askForCells({ asking: 'c' })).toEqual({
      type: 'response',
      request_id: 'k1',
      result: { ...CELLS, asking: 'c' }
    });
  });

  it('fails when there is no handler, no good payload, or the handler fails', async () => {
    expect(await askForCells()).toMatchObject({
      type: 'error',
      request_id: 'k1',
      message: "This page does not know the method 'get_cells'"
    });
    handlers.handle('get_cells', () => {
      throw new Error(`${'x'.repeat(MAX_ERROR_CHARACTERS - 1)}🐼`);
    });
    expect(await askForCells({ asking: 3 })).toMatchObject({
      request_id: 'k1',
      message: 'get_cells: the kernel sent something that this page cannot use'
    });
    const message = 'x'.repeat(MAX_ERROR_CHARACTERS - 1);
    expect(await askForCells()).toEqual({ type: 'error', request_id: 'k1', message });
  });

  it.each(['cancelled', 'ended by the connection'])(
    'tells its handler when it is %s',
    async how => {
      const signals: AbortSignal[] = [];
      handlers.handle('get_cells', (_, signal) => {
        signals.push(signal);
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
        });
      });
      await askForCells();
      if (how === 'cancelled') {
        connection.receive({ type: 'cancel', request_id: 'unknown' });
        expect(signals[0]?.aborted).toBe(false);
        connection.receive({ type: 'cancel', request_id: 'k1' });
      } else {
        connection.close();
      }
      await settle();
      expect(signals[0]?.aborted).toBe(true);
      const answered = { type: 'error', request_id: 'k1', message: 'aborted' };
      expect(sent).toEqual(how === 'cancelled' ? [answered] : []);
    }
  );
});

describe('a notification of the kernel', () => {
  it('goes to its handler', () => {
    const heard = vi.fn();
    handlers.on('status', heard);
    connection.receive({ type: 'notification', method: 'status', payload: STATUS });
    expect(heard.mock.calls).toEqual([[STATUS]]);
    expect(sent).toEqual([]);
  });

  it.each([
    ['status', { ...STATUS, state: 'dancing' }, 'status: the kernel sent'],
    ['toString', {}, "does not know the method 'toString'"]
  ])('is complained about when it is not known or malformed', (method, payload, message) => {
    handlers.on('status', () => undefined);
    connection.receive({ type: 'notification', method, payload });
    expect(sent).toMatchObject([{ type: 'error', request_id: null }]);
    expect(sent[0]).toHaveProperty('message', expect.stringContaining(message));
  });
});
