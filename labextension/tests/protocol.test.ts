/** One contract in two languages: the kernel's tests read the same examples. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import * as protocol from '../src/protocol';

function examples(name: string): Record<string, unknown> {
  const path = join(__dirname, '..', '..', 'tests', 'data', 'protocol', name);
  return JSON.parse(readFileSync(path, 'utf-8')) as Record<string, unknown>;
}

interface IMethodExample {
  from: 'front end' | 'kernel';
  payload: Record<string, unknown>;
  result?: Record<string, unknown>;
}

interface IBadExample {
  method: string;
  payload?: Record<string, unknown>;
  result?: Record<string, unknown>;
}

const METHODS = examples('payloads.json') as Record<string, IMethodExample>;
/** What the kernel sends: its own payloads, and the results of what it is asked. */
const PAYLOADS = Object.entries(METHODS).filter(([, { from }]) => from === 'kernel');
const RESULTS = Object.entries(METHODS).filter(
  ([, { from, result }]) => from === 'front end' && result
);

function isUsable({ method, payload, result }: IBadExample): boolean {
  return payload
    ? protocol.isPayload(method as 'status', payload)
    : protocol.isResult(method as 'get_stats', result ?? {});
}

describe('the protocol', () => {
  it('has the names and limits of the kernel', () => {
    expect(protocol).toMatchObject(examples('limits.json'));
  });

  it.each(Object.entries(examples('kernel_messages.json')))('takes %s', (_, message) => {
    expect(protocol.parseKernelMessage(message)).toEqual(message);
  });

  it.each(Object.entries(examples('bad_kernel_messages.json')))('refuses %s', (_, message) => {
    expect(protocol.parseKernelMessage(message)).toBeNull();
  });

  it('refuses what is no type of ours, whatever its name', () => {
    const type = 'constructor';
    expect(protocol.parseKernelMessage({ version: 2, type })).toBeNull();
  });

  it('takes the longest error, however a page counts its characters', () => {
    const message = '🐼'.repeat(protocol.MAX_ERROR_CHARACTERS);
    const error = { version: 2, type: 'error', request_id: 'r1', message };
    expect(protocol.parseKernelMessage(error)).toEqual(error);
    expect(protocol.parseKernelMessage({ ...error, message: `${message}🐼` })).toBeNull();
  });

  it.each([1, 3])('understands an error of version %i, such as that it is not ours', version => {
    const error = { version, type: 'error', message: 'The front end speaks version 2.' };
    expect(protocol.parseKernelMessage(error)).toEqual(error);
  });

  it('has every method of payloads.json', () => {
    const names = (methods: [string, IMethodExample][]) => methods.map(([name]) => name).sort();
    expect(Object.keys(protocol.PAYLOADS).sort()).toEqual(names(PAYLOADS));
    expect(Object.keys(protocol.RESULTS).sort()).toEqual(names(RESULTS));
  });

  it.each(PAYLOADS)('takes the payload of %s', (method, { payload }) => {
    expect(isUsable({ method, payload })).toBe(true);
  });

  it.each(RESULTS)('takes the result of %s', (method, { result }) => {
    expect(isUsable({ method, result })).toBe(true);
  });

  const sent = [...PAYLOADS.map(([m]) => `${m} payload`), ...RESULTS.map(([m]) => `${m} result`)];
  const bad = Object.entries(examples('bad_payloads.json') as Record<string, IBadExample>);
  it.each(
    bad.filter(([, { method, payload }]) =>
      sent.includes(`${method} ${payload ? 'payload' : 'result'}`)
    )
  )('refuses %s', (_, example) => {
    expect(isUsable(example)).toBe(false);
  });

  it.each(Object.entries(examples('results.json')))('shows a result with %s', (_, result) => {
    expect(protocol.isResultData(result)).toBe(true);
  });

  it('shows a result that was saved before answers had ids', () => {
    const result = examples('results.json')['no code'] as protocol.ResultData;
    delete result.answer_id;
    expect(protocol.isResultData(result)).toBe(true);
  });

  it.each(Object.entries(examples('batches.json')))('shows a batch with %s', (_, batch) => {
    expect(protocol.isBatchData(batch)).toBe(true);
    expect(protocol.isBatchData({ ...(batch as object), version: 2 })).toBe(false);
    expect(protocol.isBatchData({ ...(batch as object), answers: [{ title: 'x' }] })).toBe(false);
  });

  const blockOf = (block: object) => {
    const result = examples('results.json')['two blocks'] as protocol.ResultData;
    const shown = { language: 'python', cell_type: 'code', code: 'x = 1', is_closed: true };
    return { ...result, blocks: [{ ...shown, source: 'x = 1', ...block }] };
  };

  it.each([
    ['itself', {}],
    ['behind its magic', { language: 'r', source: '%%R\nx = 1' }],
    ['in a fence', { cell_type: 'markdown', language: 'json', source: '```json\nx = 1\n```' }],
    [
      'in a fence with letters of any language',
      { cell_type: 'markdown', language: 'español', source: '```español\nx = 1\n```' }
    ],
    ['of Markdown', { cell_type: 'markdown', language: 'markdown' }]
  ])('shows code that becomes a cell: %s', (_, block) => {
    expect(protocol.isResultData(blockOf(block))).toBe(true);
  });

  it.each([
    ['other code', { source: 'x = 2' }],
    ['more code', { source: 'import os\nx = 1' }],
    ['a magic of another language', { source: '%%bash\nx = 1' }],
    ['a name that every object has', { language: 'constructor', source: '%%bash\nx = 1' }],
    ['a magic that writes', { language: 'bash', source: '%%writefile a.py\nx = 1' }],
    ['a fence that is run', { source: '```\nx = 1\n```' }],
    ['code behind the language', { cell_type: 'markdown', source: '```a\ny = 2\nx = 1\n```' }],
    ['other words', { cell_type: 'markdown', source: '```\nx = 2\n```' }]
  ])('does not show code whose cell would hold %s', (_, block) => {
    expect(protocol.isResultData(blockOf(block))).toBe(false);
  });

  it('does not show another answer whose cell would hold other code', () => {
    const result = examples('results.json')['tried'] as protocol.ResultData;
    const [other] = result.alternatives ?? [];
    const changed = { ...result, alternatives: [{ ...other, source: 'x = 2' }] };
    expect(other && protocol.isResultData(result)).toBe(true);
    expect(protocol.isResultData(changed)).toBe(false);
  });

  it.each(Object.entries(examples('bad_results.json')))('does not show %s', (_, result) => {
    expect(protocol.isResultData(result)).toBe(false);
  });
});
