/** The listings of an answer, found in what the Markdown renderer made of it. */

import { describe, expect, it, vi } from 'vitest';

import { findListings, makeReadable, withoutForeignClasses } from '../src/markdown';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/rendermime', () => ({}));

function answer(html: string): HTMLElement {
  const node = document.createElement('div');
  node.innerHTML = html;
  return node;
}

describe('findListings', () => {
  it('finds each block in order, whatever the highlighting', () => {
    const node = answer(
      '<pre><code><span class="k">x</span> = 1\n</code></pre><p>or</p><pre><code>x = 1\n</code></pre>'
    );
    expect(findListings(node, ['x = 1', 'x = 1'])).toEqual([...node.querySelectorAll('pre')]);
  });

  it('passes over listings that are no block, and says which block has none', () => {
    const node = answer('<pre>quoted</pre><pre>y = 2</pre>');
    expect(findListings(node, ['graph TD', 'y = 2'])).toEqual([null, node.lastElementChild]);
  });
});

describe('findListings in a notebook that somebody has tampered with', () => {
  it('takes no listing of which a part is folded', () => {
    const node = answer('<pre>x = 1\n<details><summary></summary>y()</details></pre>');
    expect(findListings(node, ['x = 1\ny()'])).toEqual([null]);
  });

  it('finds lines that end in a carriage return as Markdown shows them', () => {
    const node = answer('<pre>x = 1\ny()</pre>');
    expect(findListings(node, ['x = 1\ry()'])).toEqual([node.firstElementChild]);
  });
});

describe('withoutForeignClasses', () => {
  it('keeps the classes of highlighted code, and none that may hide something', () => {
    const html =
      '<code class="language-python"><span class="ͼ1a">x</span>' +
      '<span class="lm-mod-hidden ͼ2">y()</span></code>';
    expect(withoutForeignClasses(html)).toBe(html.replace('lm-mod-hidden ', ''));
  });
});

describe('makeReadable', () => {
  it('lets prose run in its own direction, and code be scrolled by keyboard', () => {
    const node = answer('<p>a <code>x</code></p><ul><li>b</li></ul><pre><code>y</code></pre>');
    makeReadable(node, ENGLISH);
    const directions = (tags: string) =>
      [...node.querySelectorAll<HTMLElement>(tags)].map(found => found.dir);
    expect(directions('p, ul, li')).toEqual(['auto', 'auto', 'auto']);
    expect(directions('pre, code')).toEqual(['ltr', 'ltr', 'ltr']);
    expect(node.querySelector('pre')?.tabIndex).toBe(0);
  });
});
