/** The buttons in an output. */

import type { LabIcon } from '@jupyterlab/ui-components';

/** Make a button in JupyterLab's style. */
export function button(label: string, icon: LabIcon, onClick: () => void): HTMLButtonElement {
  const node = document.createElement('button');
  node.type = 'button';
  node.className = 'jp-CodeFace-button';
  node.append(icon.element({ tag: 'span', className: 'jp-CodeFace-icon', width: '14px' }), label);
  node.addEventListener('click', onClick);
  return node;
}
