/** One contract in two languages: the kernel's tests read the same examples. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import * as protocol from '../src/protocol';

function examples(name: string): Record<string, unknown> {
  const path = join(__dirname, '..', '..', 'tests', 'data', 'protocol', name);
  return JSON.parse(readFileSync(path, 'utf-8')) as Record<string, unknown>;
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

  it.each(Object.entries(examples('results.json')))('shows a result with %s', (_, result) => {
    expect(protocol.isResultData(result)).toBe(true);
  });

  it('shows a result that was saved before answers had ids', () => {
    const result = examples('results.json')['no code'] as protocol.ResultData;
    delete result.answer_id;
    expect(protocol.isResultData(result)).toBe(true);
  });

  it.each(Object.entries(examples('bad_results.json')))('does not show %s', (_, result) => {
    expect(protocol.isResultData(result)).toBe(false);
  });
});
