/** Which cells need the extension, and what the kernel is sent for it. */

import type { Kernel } from '@jupyterlab/services';
import { describe, expect, it, vi } from 'vitest';

import { loadExtension, needsExtension } from '../src/onDemand';
import { ENGLISH } from './translations';

function kernelThat(content: object | Error) {
  const done = content instanceof Error ? Promise.reject(content) : Promise.resolve({ content });
  const requestExecute = vi.fn(() => ({ done }));
  return { requestExecute, supportsSubshells: true } as unknown as Kernel.IKernelConnection & {
    requestExecute: typeof requestExecute;
  };
}

const evaluated = (codeface: object) => ({ status: 'ok', user_expressions: { codeface } });

describe('needsExtension', () => {
  it.each([
    '%%codeface\nplot it',
    '%codeface what is df',
    '\n  %codeface_fix 3',
    'x = 1\n%codeface_pull auto',
    'answer = %codeface what is df',
    "%config CodeFace.engine = 'scripted'",
    '%load_ext codeface_jupyter\n%codeface what is df'
  ])('is true of %j', source => expect(needsExtension(source)).toBe(true));

  it.each([
    'x = 1',
    '%load_ext codeface_jupyter',
    // It would be told that it is loaded already.
    "%load_ext codeface_jupyter\n%config CodeFace.answers = 'hints'",
    '# %%codeface',
    'x %codeface',
    '%config Other'
  ])('is false of %j', source => expect(needsExtension(source)).toBe(false));
});

describe('loadExtension', () => {
  it('asks in a silent request that leaves no trace', async () => {
    const kernel = kernelThat(evaluated({ status: 'ok', data: { 'text/plain': 'None' } }));

    expect(await loadExtension(kernel, ENGLISH)).toBe('');
    expect(kernel.requestExecute).toHaveBeenCalledWith(
      expect.objectContaining({
        code: '',
        silent: true,
        store_history: false,
        stop_on_error: false,
        allow_stdin: false
      })
    );
  });

  it('says where the package is not installed', async () => {
    const kernel = kernelThat(evaluated({ status: 'ok', data: { 'text/plain': "'missing'" } }));

    expect(await loadExtension(kernel, ENGLISH)).toContain('%pip install codeface-jupyter');
  });

  it('says what went wrong', async () => {
    const failed = { status: 'error', ename: 'ConfigError', evalue: 'no such engine' };

    expect(await loadExtension(kernelThat(evaluated(failed)), ENGLISH)).toContain('no such engine');
  });

  it.each([{ status: 'aborted' }, new Error('Canceled')])(
    'is silent when the kernel did not come to it',
    async outcome => expect(await loadExtension(kernelThat(outcome), ENGLISH)).toBe('')
  );
});
