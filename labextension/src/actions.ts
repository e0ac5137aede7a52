/** The actions of a result: each is one object in the list, and a button wherever it is of use. */

import {
  addBelowIcon,
  copyIcon,
  editIcon,
  LabIcon,
  launcherIcon,
  refreshIcon
} from '@jupyterlab/ui-components';

import type { NotebookBridge } from './bridge';
import type { ResultData } from './protocol';

/** The part of a result that a row of buttons is about, in the notebook that shows it. */
export interface IResultPart {
  /** One code block, all of them, or the answer as such. */
  readonly kind: 'block' | 'all blocks' | 'answer';

  readonly data: ResultData;

  /** Why the notebook cannot be changed, or null if it can be. */
  readonly obstacle: string | null;

  /** Whether the block belongs in the place of a cell, so that its button comes first. */
  readonly isReplacement: boolean;

  /** Whether the block may take a cell's place. */
  readonly isReplaceable: boolean;

  /** Why the cell that it would replace cannot be replaced as it is now, or null if it can be. */
  readonly replaceObstacle: string | null;

  /**
   * The bridge to the kernel that gave the answer, while its messages can still be shown;
   * null without a live kernel.
   */
  readonly bridge: Pick<NotebookBridge, 'request'> | null;

  /** Return the id of the first block's cell if it is in the notebook already. */
  find(): string | null;

  /** Insert the blocks below the cell that asked; null if that is gone. */
  insert(): string | null;

  /** Put the block in the place of the request, or of the cell that it rewrites; null if gone. */
  replace(): string | null;

  /** The source of a cell as it is now; null if it is gone. */
  sourceOf(cellId: string): string | null;

  /** Select a cell; false if it is gone. */
  goTo(cellId: string): boolean;

  /** Put the code on the clipboard. */
  copy(): void;
}

/** What came of an action. */
export interface IOutcome {
  /** What the row says. */
  message: string;

  /** What can be done next; shown beside the message. */
  offers?: IAction[];

  /** Whether what the row says is still so; asked when the notebook changes. */
  holds?: () => boolean;

  /** Whether the button has done all it can. */
  isFinal?: boolean;
}

/** Something to do with a part of a result. */
export interface IAction {
  id: string;
  icon: LabIcon;
  label: string | ((part: IResultPart) => string);
  caption?: string;

  /** Whether the part has the button; asked again when a kernel comes or goes. */
  isVisible(part: IResultPart): boolean;

  /** Whether the button comes before the others. */
  isPreferred?(part: IResultPart): boolean;

  /** What the row says until a promised outcome is there. */
  progress?: string;

  /** Do it. The user sees an error; null leaves the row as it is. */
  run(part: IResultPart): IOutcome | null | Promise<IOutcome | null>;
}

const CELL_GONE = 'The cell that asked is no longer in this notebook';
const REPLACED = 'Replaced';
const ASKING = 'Asking again …';
const KERNEL_GONE = 'The kernel that gave this answer is gone';

/** All actions, in the order of their buttons. */
export const ACTIONS: readonly IAction[] = [
  {
    id: 'insert-below',
    icon: addBelowIcon,
    label: part => (part.kind === 'block' ? 'Insert below' : 'Insert all'),
    isVisible: part => part.kind !== 'answer',
    run: part => {
      const known = part.find();
      return known
        ? { message: 'Already inserted', offers: [goToCell(known), INSERT_AGAIN] }
        : insert(part);
    }
  },
  {
    id: 'replace-cell',
    icon: editIcon,
    label: 'Replace cell',
    isVisible: part => part.kind === 'block' && part.isReplaceable,
    isPreferred: part => part.isReplacement,
    run: part =>
      part.replaceObstacle === null
        ? change(part, REPLACED, () => part.replace())
        : { message: part.replaceObstacle }
  },
  {
    id: 'copy',
    icon: copyIcon,
    label: part => (part.kind === 'block' ? 'Copy' : 'Copy all'),
    isVisible: part => part.kind !== 'answer',
    run: part => {
      part.copy();
      return { message: 'Copied' };
    }
  },
  {
    id: 'ask-again',
    icon: refreshIcon,
    label: 'Ask again',
    caption: 'Ask again; this answer came from the response cache',
    isVisible: part => part.kind === 'answer' && Boolean(part.data.answer_id && part.bridge),
    progress: ASKING,
    run: async ({ bridge, data }) => {
      if (!bridge || !data.answer_id) {
        return { message: KERNEL_GONE };
      }
      await bridge.request('ask_again', { answer_id: data.answer_id });
      // The kernel puts another output in this one's place, even if nothing comes of it.
      return { message: ASKING, isFinal: true };
    }
  }
];

const INSERT_AGAIN: IAction = {
  id: 'insert-again',
  icon: addBelowIcon,
  label: 'Insert again',
  isVisible: () => true,
  run: insert
};

function goToCell(cellId: string): IAction {
  return {
    id: 'go-to-cell',
    icon: launcherIcon,
    label: 'Go to cell',
    isVisible: () => true,
    run: part => (part.goTo(cellId) ? null : { message: 'That cell is gone' })
  };
}

function insert(part: IResultPart): IOutcome {
  return change(part, 'Inserted below', () => part.insert());
}

/** Change the notebook, and say so until it is undone. */
function change(part: IResultPart, done: string, act: () => string | null): IOutcome {
  if (part.obstacle !== null) {
    return { message: part.obstacle };
  }
  const cellId = act();
  if (cellId === null) {
    return { message: CELL_GONE };
  }
  const source = part.sourceOf(cellId);
  const holds = () => {
    const now = part.sourceOf(cellId);
    return done === REPLACED ? now === source : now !== null;
  };
  return { message: done, offers: [goToCell(cellId)], holds };
}
