/** Translations for tests: the texts as they are written, and each of them marked. */

import { nullTranslator, TranslationBundle } from '@jupyterlab/translation';

/** The texts in English, as they are without a translator. */
export const ENGLISH: TranslationBundle = nullTranslator.load('codeface_jupyter');

/** The same with brackets around each, which show what no translator has seen. */
export const MARKED: TranslationBundle = new Proxy(ENGLISH, {
  get: (bundle, method) => {
    const translate = Reflect.get(bundle, method) as (...values: unknown[]) => string;
    return (...values: unknown[]) => `⟦${translate.apply(bundle, values)}⟧`;
  }
});
