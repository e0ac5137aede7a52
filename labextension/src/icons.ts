/** The project's icon. */

import { LabIcon } from '@jupyterlab/ui-components';

import logoSvg from '../style/logo.svg';

export const logoIcon = new LabIcon({ name: 'codeface-jupyter:logo', svgstr: logoSvg });
