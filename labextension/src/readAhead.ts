/** Has the kernel read the notebook before a question is sent off, so that the answer begins sooner. */

import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import type { Cell as LabCell } from '@jupyterlab/cells';
import { INotebookTracker, Notebook, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import type { NotebookBridge } from './bridge';
import { askCells, editCells, fixCells, isRequest, ISubject } from './magicCells';
import { showsError } from './notebook';
import type { IBridges } from './openNotebooks';
import { beginningOf, isQuestion } from './prose';
import type { Cell, NotebookCells } from './protocol';

/** How often what has been typed meanwhile is read: each time costs a pass, whatever is new. */
const INTERVAL_MS = 1500;
/** So that the magic's name may be typed to its end. */
const SHORTEST_WAIT_MS = 300;
/** A notebook whose kernel does not read ahead is left alone for so long. */
const REST_MS = 30000;
/** A kernel that has not answered by then is not waited for. */
const LONGEST_MS = 60000;
/** The id of a cell that is not there yet. */
const NEW_CELL = 'codeface-question';

/** A question so far, and whom it is for. */
interface IQuestion {
  panel: NotebookPanel;
  bridge: Pick<NotebookBridge, 'request'>;
  cells: NotebookCells;
}

/** A cell that has been run, or that was to be. */
interface IExecuted {
  cell: LabCell;
  notebook: Notebook;
  success: boolean;
}

/** Returns a question as far as it is typed by then; null if there is nobody to read it. */
type Question = () => IQuestion | null;

/** Follows what is typed where a question is, and what is likely to be asked by a click. */
export class ReadAhead {
  constructor(private readonly _options: ReadAhead.IOptions) {}

  /** What makes an editor tell of what is typed in it. */
  get extension(): Extension {
    return EditorView.updateListener.of(({ docChanged, state, view }) => {
      if (docChanged && view.hasFocus && isQuestion(beginningOf(state.doc))) {
        this._readSoon(() => this._inCell(view));
      }
    });
  }

  /** Take a question that is typed in a dialog, for the active cell if it is empty or one below. */
  typedToAsk(request: string): void {
    this._readSoon(() => this._byActiveCell(cells => withQuestion(cells, askCells(request, true))));
  }

  /** Take what is typed in a dialog about how to change a cell. */
  typedToEdit(wish: string, subject: ISubject): void {
    if (!isRequest(subject.source)) {
      const sources = editCells(wish, subject, true);
      this._readSoon(() =>
        this._byActiveCell(cells => withQuestionBelow(cells, sources), subject.cellId)
      );
    }
  }

  /** Take the errors of cells from now on: whoever has had one explained asks for the next. */
  followErrors(): void {
    // A second time does nothing.
    NotebookActions.executed.connect(this._onExecuted, this);
  }

  /** Read nothing of what has been typed last: it is sent off, or is not wanted. */
  forget(): void {
    this._latest = null;
  }

  private _onExecuted(_: unknown, { cell, notebook, success }: IExecuted): void {
    const { id, sharedModel } = cell.model;
    // Cells that were not run, since one before them failed, count as failed too.
    if (!success && showsError(sharedModel) && !isRequest(sharedModel.getSource())) {
      this._readSoon(() => this._belowFailed(notebook, id));
    }
  }

  private _readSoon(question: Question): void {
    this._latest = question;
    if (!this._isReading) {
      void this._readOn();
    }
  }

  /** Read what was typed last, one thing at a time, until nothing more is typed. */
  private async _readOn(): Promise<void> {
    this._isReading = true;
    while (this._latest) {
      const wait = Math.max(SHORTEST_WAIT_MS, this._begun + INTERVAL_MS - performance.now());
      await new Promise<void>(resolve => window.setTimeout(resolve, wait));
      const question = this._latest;
      this._latest = null;
      this._begun = performance.now();
      await this._read(question);
    }
    this._latest = null;
    this._isReading = false;
  }

  private async _read(ask: Question | null): Promise<void> {
    try {
      const question = ask?.();
      const signal = AbortSignal.timeout(LONGEST_MS);
      const answered = await question?.bridge.request('read_ahead', question.cells, { signal });
      if (question && answered?.silence === 'unsuited') {
        this._rest(question.panel);
      }
    } catch {
      // Whoever types has not asked, and is not told.
    }
  }

  private _inCell(view: EditorView): IQuestion | null {
    const { bridges, tracker } = this._options;
    const panel = tracker.find(({ content }) => content.node.contains(view.dom));
    const cell = panel?.content.activeCell;
    return panel && cell?.node.contains(view.dom) && isQuestion(beginningOf(view.state.doc))
      ? this._in(
          panel,
          () => bridges.cellsOf(panel, cell.model.id),
          () => this._inCell(view)
        )
      : null;
  }

  private _byActiveCell(
    withIt: (cells: NotebookCells) => NotebookCells,
    cellId?: string
  ): IQuestion | null {
    const { bridges, tracker } = this._options;
    const { activeCell: cell, currentWidget: panel } = tracker;
    return panel && cell
      ? this._in(
          panel,
          () => withIt(bridges.cellsOf(panel, cellId ?? cell.model.id)),
          () => this._byActiveCell(withIt, cellId)
        )
      : null;
  }

  private _belowFailed(notebook: Notebook, cellId: string): IQuestion | null {
    const { bridges, tracker } = this._options;
    const panel = tracker.find(({ content }) => content === notebook);
    const sources = fixCells({ cellId }, true);
    return panel
      ? this._in(panel, () => withQuestionBelow(bridges.cellsOf(panel, cellId), sources))
      : null;
  }

  /**
   * Return a question in a notebook, unless that is left alone or its kernel has no extension.
   *
   * @param again - The question, to come back to once the extension has been loaded for it.
   */
  private _in(
    panel: NotebookPanel,
    cells: () => NotebookCells,
    again?: Question
  ): IQuestion | null {
    const bridge = this._options.bridges.of(panel);
    if (performance.now() < (this._restsUntil.get(panel) ?? 0)) {
      return null;
    }
    if (!bridge?.isLive) {
      if (again) {
        this._prepare(panel, again);
      }
      return null;
    }
    return { panel, bridge, cells: cells() };
  }

  /** Have the extension loaded, and come back to a question unless something else is typed. */
  private _prepare(panel: NotebookPanel, question: Question): void {
    this._latest ??= question;
    // Until there is a kernel, nothing can be loaded.
    if (panel.sessionContext.session?.kernel && !this._isPreparing) {
      this._isPreparing = true;
      void this._options.bridges
        .prepare(panel)
        .catch(() => false)
        .then(isLive => {
          this._isPreparing = false;
          if (!isLive) {
            this._rest(panel);
          }
        });
    }
  }

  private _rest(panel: NotebookPanel): void {
    this._restsUntil.set(panel, performance.now() + REST_MS);
  }

  private _latest: Question | null = null;
  private _begun = -INTERVAL_MS;
  private _isPreparing = false;
  private _isReading = false;
  private readonly _restsUntil = new WeakMap<NotebookPanel, number>();
}

export namespace ReadAhead {
  /** What is needed to read ahead. */
  export interface IOptions {
    bridges: Pick<IBridges, 'cellsOf' | 'of' | 'prepare'>;
    tracker: Pick<INotebookTracker, 'activeCell' | 'currentWidget' | 'find'>;
  }
}

/** Return the cells with a question in the asking one if that is empty, else in one below it. */
export function withQuestion(notebook: NotebookCells, sources: string[]): NotebookCells {
  const asking = notebook.cells.find(({ id }) => id === notebook.asking);
  const isEmpty = asking?.type === 'code' && !asking.source.trim();
  return isEmpty ? insertQuestion(notebook, sources, 1) : withQuestionBelow(notebook, sources);
}

/** Return the cells with a question in one below the asking one. */
export function withQuestionBelow(notebook: NotebookCells, sources: string[]): NotebookCells {
  return insertQuestion(notebook, sources, 0);
}

/** Put a question below the asking cell, or in the place of it. */
function insertQuestion(
  notebook: NotebookCells,
  sources: string[],
  replaced: 0 | 1
): NotebookCells {
  const position = notebook.cells.findIndex(({ id }) => id === notebook.asking);
  const question: Cell = {
    id: NEW_CELL,
    type: 'code',
    source: sources.join('\n'),
    execution_count: null,
    is_cut: false
  };
  const cells = [...notebook.cells];
  cells.splice(position + 1 - replaced, replaced, question);
  return { ...notebook, asking: NEW_CELL, cells };
}
