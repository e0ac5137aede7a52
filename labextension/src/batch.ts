/** The answers of a batch, as far as the page changes them. */

import { mimeText } from './lastingOutput';
import { BATCH_MIME, BatchAnswer, BatchData, isBatchData, MimeBundle } from './protocol';

const MARKDOWN = 'text/markdown';

/** Return the lasting output of a batch with another output of one of its answers. */
export function withAnswer(output: MimeBundle, number: number, bundle: MimeBundle): MimeBundle {
  const data: unknown = output[BATCH_MIME];
  const answer = isBatchData(data) ? data.answers[number] : undefined;
  if (!isBatchData(data) || !answer) {
    return output;
  }
  const changed = { ...answer, bundle };
  const answers = data.answers.map(other => (other === answer ? changed : other));
  const batch: BatchData = { ...data, answers };
  return {
    ...output,
    [BATCH_MIME]: batch,
    [MARKDOWN]: [data.table, ...answers.map(folded)].join('\n\n')
  };
}

/** Return an answer as the kernel writes it for those who do not know the batch's own type. */
function folded({ head, bundle }: BatchAnswer): string {
  const text = bundle ? mimeText(bundle, MARKDOWN) : '';
  return [head, text, '</details>'].filter(part => part).join('\n\n');
}
