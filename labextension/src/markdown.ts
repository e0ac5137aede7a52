/** Markdown by JupyterLab's own renderer, for untrusted text. */

import { IRenderMimeRegistry, MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';

import { withLines } from './codeSpans';
import { makeScrollable } from './keyboard';

// No images, media or styles: showing an answer must send nothing and hide nothing.
const ALLOWED_TAGS = (
  'a,b,blockquote,br,code,del,details,em,h1,h2,h3,h4,h5,h6,hr,i,li,ol,p,pre,s,span,strong,sub,' +
  'summary,sup,table,tbody,td,th,thead,tr,ul'
).split(',');
const ALLOWED_ATTRIBUTES = { a: ['href', 'title'], code: ['class'], span: ['class'] };
// The language of a listing, and what CodeMirror calls its styles.
const HIGHLIGHTING = /^(language-|\u037c)/;

const PROSE = 'p, li, ul, ol, blockquote, table, td, th, h1, h2, h3, h4, h5, h6';

/** Renders a model's Markdown; its HTML is reduced to plain formatting, even in a trusted cell. */
export class UntrustedMarkdown {
  constructor(rendermime: IRenderMimeRegistry, trans: TranslationBundle) {
    this._trans = trans;
    const { sanitizer } = rendermime;
    this._rendermime = rendermime.clone({
      sanitizer: {
        sanitize: dirty =>
          withoutForeignClasses(
            sanitizer.sanitize(dirty, {
              allowedTags: ALLOWED_TAGS,
              allowedAttributes: ALLOWED_ATTRIBUTES,
              allowedStyles: {}
            })
          )
      }
    });
  }

  /** Return a widget that shows `text`. */
  async render(text: string): Promise<IRenderMime.IRenderer> {
    const renderer = this._rendermime.createRenderer('text/markdown');
    // Trusted content would skip the sanitizer.
    await renderer.renderModel(new MimeModel({ trusted: false, data: { 'text/markdown': text } }));
    makeReadable(renderer.node, this._trans);
    return renderer;
  }

  private readonly _rendermime: IRenderMimeRegistry;
  private readonly _trans: TranslationBundle;
}

/** Return HTML with the classes of highlighted code alone: the page has some that hide a node. */
export function withoutForeignClasses(html: string): string {
  const template = document.createElement('template');
  template.innerHTML = html;
  template.content.querySelectorAll('[class]').forEach(node => {
    const foreign = [...node.classList].filter(name => !HIGHLIGHTING.test(name));
    node.classList.remove(...foreign);
  });
  return template.innerHTML;
}

/** Let prose run in the direction of its words, and code be read, and scrolled, by keyboard. */
export function makeReadable(answer: HTMLElement, trans: TranslationBundle): void {
  answer.querySelectorAll<HTMLElement>(PROSE).forEach(node => (node.dir = 'auto'));
  answer.querySelectorAll<HTMLElement>('pre, code').forEach(node => (node.dir = 'ltr'));
  answer
    .querySelectorAll('pre')
    .forEach((node, number) => makeScrollable(node, trans.__('listing %1', number + 1)));
}

/**
 * Return the `<pre>` of the rendered Markdown that shows each piece of code, in the order
 * given; null for code that is shown some other way, such as a diagram.
 */
export function findListings(answer: HTMLElement, codes: string[]): (HTMLElement | null)[] {
  // What can be folded, or hidden otherwise, does not show the code.
  const listings = [...answer.querySelectorAll('pre')].filter(
    listing => listing.querySelector(':not(code, span)') === null
  );
  return codes.map(code => {
    const position = listings.findIndex(listing => isSame(listing.textContent ?? '', code));
    // Blocks come in order, so a `<pre>` that is skipped belongs to none.
    return position < 0 ? null : (listings.splice(0, position + 1).pop() ?? null);
  });
}

function isSame(shown: string, code: string): boolean {
  return shown.trimEnd() === withLines(code).trimEnd();
}
