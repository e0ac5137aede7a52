/** The actions of a result: each is one object in the list, and a button wherever it is of use. */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  addBelowIcon,
  copyIcon,
  editIcon,
  fastForwardIcon,
  LabIcon,
  launcherIcon,
  markdownIcon,
  refreshIcon,
  runIcon,
  textEditorIcon
} from '@jupyterlab/ui-components';

import type { ResultData } from './protocol';

/** The part of a result that a row of buttons is about, in the notebook that shows it. */
export interface IResultPart {
  /** One code block, all of them, or the answer as such. */
  readonly kind: 'block' | 'blocks' | 'answer';

  /** What the part is called, so that its buttons are told from those of others. */
  readonly name: string;

  readonly data: ResultData;

  /** What the user reads comes from here. */
  readonly trans: TranslationBundle;

  /** Why the notebook cannot be changed, or null if it can be. */
  readonly obstacle: string | null;

  /** Whether the block belongs in the place of a cell, so that its button comes first. */
  readonly isReplacement: boolean;

  /** Whether the block may take a cell's place. */
  readonly isReplaceable: boolean;

  /** Whether the block is the cell that it rewrites, or another one: nobody needs it twice. */
  readonly repeatsCell: boolean;

  /** Why the cell that it would replace cannot be replaced as it is now, or null if it can be. */
  readonly replaceObstacle: string | null;

  /** Whether the answer says anything beside its code. */
  readonly hasProse: boolean;

  /** Whether the kernel that runs can be asked for more; it may be another one by now. */
  readonly canAskMore: boolean;

  /** Why that kernel cannot be asked about this answer, or null if it can be. */
  readonly askObstacle: string | null;

  /** Return the id of the part's first cell if it is in the notebook already. */
  find(): string | null;

  /** Insert the blocks, or the answer's words, below the cell that asked; null if that is gone. */
  insert(): string | null;

  /** Put the block in the place of the request, or of the cell that it rewrites; null if gone. */
  replace(): string | null;

  /** The same, and run the cell that it became; null if gone. */
  replaceAndRun(): string | null;

  /** The source of a cell as it is now; null if it is gone. */
  sourceOf(cellId: string): string | null;

  /** Select a cell; false if it is gone. */
  goTo(cellId: string): boolean;

  /** Put the code on the clipboard. */
  copy(): void;

  /** Show the field for a question about the answer. */
  openField(): void;

  /** Ask the kernel for another answer, which takes this one's place; return what to say. */
  tryAgain(): Promise<string>;

  /** Ask the kernel to go on with the answer; return what to say. */
  goOn(): Promise<string>;
}

/** What came of an action. */
export interface IOutcome {
  /** What the row says. */
  message: string;

  /** What can be done next; shown beside the message. */
  offers?: IAction[];

  /** Whether what the row says is still so; asked when the notebook changes. */
  holds?: () => boolean;
}

/** What is written on or beside a button. */
type Words = (part: IResultPart) => string;

/** Something to do with a part of a result. */
export interface IAction {
  id: string;
  icon: LabIcon;
  label: Words;
  caption?: Words;

  /** Whether the part has the button; asked again when a kernel comes or goes. */
  isVisible(part: IResultPart): boolean;

  /** Why it cannot be done, or null if it can be; asked again at the same times. */
  obstacle?(part: IResultPart): string | null;

  /** Whether the button comes before the others. */
  isPreferred?(part: IResultPart): boolean;

  /** What the row says until a promised outcome is there. */
  progress?: Words;

  /** Do it. The user sees an error; null leaves the row as it is. */
  run(part: IResultPart): IOutcome | null | Promise<IOutcome | null>;
}

const CUT_OFF: readonly string[] = ['length', 'cancelled'];

/** All actions, in the order of their buttons. */
export const ACTIONS: readonly IAction[] = [
  {
    id: 'insert-below',
    icon: addBelowIcon,
    label: ({ kind, trans }) =>
      kind === 'block' ? trans.__('Insert below') : trans.__('Insert all'),
    isVisible: part => part.kind !== 'answer' && !part.repeatsCell,
    run: insertOnce
  },
  {
    id: 'replace-cell',
    icon: editIcon,
    label: ({ trans }) => trans.__('Replace cell'),
    caption: ({ data, trans }) =>
      data.rewrite ? '' : trans.__('Put the code in the place of the request'),
    isVisible: part => part.kind === 'block' && part.isReplaceable,
    isPreferred: part => part.isReplacement,
    run: part => {
      const { trans } = part;
      return replace(part, trans.__('Replaced'), () => part.replace());
    }
  },
  {
    id: 'replace-and-run',
    icon: runIcon,
    label: ({ trans }) => trans.__('Accept and run'),
    caption: ({ trans }) => trans.__('Replace the cell and run it'),
    isVisible: part => part.kind === 'block' && part.isReplaceable && rewritesCode(part),
    isPreferred: part => part.isReplacement,
    run: part => {
      const { trans } = part;
      return replace(part, trans.__('Replaced and run'), () => part.replaceAndRun());
    }
  },
  {
    id: 'copy',
    icon: copyIcon,
    label: ({ kind, trans }) => (kind === 'block' ? trans.__('Copy') : trans.__('Copy all')),
    isVisible: part => part.kind !== 'answer',
    run: part => {
      const { trans } = part;
      part.copy();
      return { message: trans.__('Copied') };
    }
  },
  {
    id: 'continue',
    icon: fastForwardIcon,
    label: ({ trans }) => trans.__('Continue'),
    caption: ({ trans }) => trans.__('Go on where this answer was cut off'),
    isVisible: part =>
      canAskMore(part) && CUT_OFF.includes(part.data.finish_reason) && part.data.text !== '',
    obstacle: part => part.askObstacle,
    progress: answering,
    run: async part => ({ message: await part.goOn() })
  },
  {
    id: 'follow-up',
    icon: textEditorIcon,
    label: ({ trans }) => trans.__('Follow up'),
    caption: ({ trans }) => trans.__('Ask about this answer, or say what is wrong with it'),
    isVisible: canAskMore,
    obstacle: part => part.askObstacle,
    run: part => {
      part.openField();
      return null;
    }
  },
  {
    id: 'try-again',
    icon: refreshIcon,
    label: ({ trans }) => trans.__('Try again'),
    caption: ({ trans }) => trans.__('Ask for another answer; this one is kept below it'),
    isVisible: canAskMore,
    obstacle: part => part.askObstacle,
    progress: answering,
    run: async part => ({ message: await part.tryAgain() })
  },
  {
    id: 'insert-markdown',
    icon: markdownIcon,
    label: ({ trans }) => trans.__('Insert as Markdown'),
    caption: ({ trans }) => trans.__('Insert what this answer says as a Markdown cell below'),
    isVisible: part => part.kind === 'answer' && part.hasProse,
    isPreferred: part => part.data.insert === 'none',
    run: insertOnce
  }
];

const INSERT_AGAIN: IAction = {
  id: 'insert-again',
  icon: addBelowIcon,
  label: ({ trans }) => trans.__('Insert again'),
  isVisible: () => true,
  run: insert
};

function answering({ trans }: IResultPart): string {
  return trans.__('Answering …');
}

function canAskMore(part: IResultPart): boolean {
  return part.kind === 'answer' && Boolean(part.data.answer_id) && part.canAskMore;
}

function goToCell(cellId: string): IAction {
  return {
    id: 'go-to-cell',
    icon: launcherIcon,
    label: ({ trans }) => trans.__('Go to cell'),
    isVisible: () => true,
    run: part => {
      const { trans } = part;
      return part.goTo(cellId) ? null : { message: trans.__('That cell is gone') };
    }
  };
}

/** Whether the block is what a cell of code becomes. */
function rewritesCode({ data }: IResultPart): boolean {
  return Boolean(data.rewrite) && data.blocks[0]?.cell_type === 'code';
}

function insertOnce(part: IResultPart): IOutcome {
  const { trans } = part;
  const known = part.find();
  return known
    ? { message: trans.__('Already inserted'), offers: [goToCell(known), INSERT_AGAIN] }
    : insert(part);
}

function insert(part: IResultPart): IOutcome {
  const { trans } = part;
  return change(part, {
    done: trans.__('Inserted below'),
    act: () => part.insert(),
    holds: cellId => part.sourceOf(cellId) !== null
  });
}

function replace(part: IResultPart, done: string, act: () => string | null): IOutcome {
  if (part.replaceObstacle !== null) {
    return { message: part.replaceObstacle };
  }
  let source: string | null = null;
  return change(part, {
    done,
    act: () => {
      const cellId = act();
      source = cellId === null ? null : part.sourceOf(cellId);
      return cellId;
    },
    holds: cellId => part.sourceOf(cellId) === source
  });
}

/** Change the notebook, and say so until it is undone. */
function change(part: IResultPart, { done, act, holds }: IChange): IOutcome {
  if (part.obstacle !== null) {
    return { message: part.obstacle };
  }
  const { trans } = part;
  const cellId = act();
  return cellId === null
    ? { message: trans.__('The cell that asked is no longer in this notebook') }
    : { message: done, offers: [goToCell(cellId)], holds: () => holds(cellId) };
}

/** A change of the notebook. */
interface IChange {
  /** What is said of it. */
  done: string;

  /** Make it; return the id of the cell that has the code, or null if the cell is gone. */
  act: () => string | null;

  /** Whether it is still so. */
  holds: (cellId: string) => boolean;
}
