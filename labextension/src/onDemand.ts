/** Loads the extension into a kernel right before a cell needs it. */

import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Somewhere in a cell: one of our magics, a setting of ours, and what loads the extension. */
const MAGIC = /(?:^|=)[ \t]*%{1,2}codeface/m;
const SETTING = /^[ \t]*%config\s+CodeFace/m;
const LOADING = /^[ \t]*%(?:re)?load_ext\s+codeface_jupyter\b/m;
const RESULT = 'codeface';
const MISSING = 'missing';
// Evaluated in a silent request, so that it leaves nothing behind: no count, no name, no history.
const IS_INSTALLED =
  "__import__('importlib.util', fromlist=['util']).find_spec('codeface_jupyter')";
const LOAD =
  "__import__('codeface_jupyter.magics.on_demand', fromlist=['on_demand']).load_for_page";

/** Whether a cell needs the extension to run, and, if it only sets something, does not load it. */
export function needsExtension(source: string): boolean {
  return MAGIC.test(source) || (SETTING.test(source) && !LOADING.test(source));
}

/**
 * Load the extension into a Python kernel, before whatever is sent to it next.
 *
 * Nothing happens if it is loaded already.
 *
 * @returns why it could not be loaded; empty if it was, or if the kernel did not come to it.
 */
export async function loadExtension(
  kernel: Kernel.IKernelConnection,
  trans: TranslationBundle
): Promise<string> {
  const connects = kernel.supportsSubshells === true ? 'True' : 'False';
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false,
    user_expressions: {
      [RESULT]: `${LOAD}(connects=${connects}) if ${IS_INSTALLED} else '${MISSING}'`
    }
  });
  return future.done.then(
    reply => problemIn(reply, trans),
    () => ''
  );
}

/** The kernel's answer to a user expression. */
interface IEvaluated {
  status?: string;
  ename?: string;
  evalue?: string;
  data?: { 'text/plain'?: string };
}

function problemIn({ content }: KernelMessage.IExecuteReplyMsg, trans: TranslationBundle): string {
  const results = content.status === 'ok' ? content.user_expressions : {};
  const result = (results[RESULT] ?? {}) as IEvaluated;
  if (result.status === 'error') {
    const { ename = '', evalue = '' } = result;
    return trans.__('The extension could not be loaded: %1: %2', ename, evalue);
  }
  return result.data?.['text/plain']?.includes(MISSING)
    ? trans.__(
        "This kernel's Python does not have the package. Install it there: %pip install codeface-jupyter"
      )
    : '';
}
