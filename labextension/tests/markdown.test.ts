/** The listings of an answer, found in what the Markdown renderer made of it. */

import { describe, expect, it, vi } from 'vitest';

import { findListings } from '../src/markdown';

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
