/** Answers whose cells are moved, or deleted and brought back, while they come. */

import { DisposableDelegate, IDisposable } from '@lumino/disposable';

import type { MimeBundle } from './protocol';

/** A run of a cell, as far as its messages are heard. */
export interface IRun {
  readonly isDisposed: boolean;
  registerMessageHook(hook: (message: IUpdate) => boolean): void;
}

/** A message of the kernel's; what other messages hold is not looked at. */
interface IUpdate {
  header: { msg_type: string };
  content: object;
}

/** Called with what an output is to show from now on. */
type Show = (bundle: MimeBundle) => void;

/**
 * Hears what comes of answers for the outputs that JupyterLab does not bring it to.
 *
 * A cell that is moved gets another output area. JupyterLab carries the run over to it, but not
 * which of its outputs the kernel means when it changes one, and so drops every change.
 */
export class CarriedAnswers {
  /**
   * Hear what comes of an answer, if it is shown in another area than at first.
   *
   * @param run - The run that it comes from; null if there is none.
   * @param area - Where it is shown.
   * @param displayId - What the kernel calls the output.
   * @param show - Called at once if something has come between two areas.
   */
  follow(run: IRun | null, area: object, displayId: string, show: Show): IDisposable {
    const answer = run && this._answerOf(run, area, displayId);
    if (!answer || answer.area.deref() === area) {
      return new DisposableDelegate(() => undefined);
    }
    answer.shows.add(show);
    if (answer.latest) {
      show(answer.latest);
    }
    return new DisposableDelegate(() => answer.shows.delete(show));
  }

  private _answerOf(run: IRun, area: object, displayId: string): IAnswer | null {
    const answers = this._answers.get(run) ?? new Map<string, IAnswer>();
    const known = answers.get(displayId);
    if (known || run.isDisposed) {
      return known ?? null;
    }
    const answer: IAnswer = { area: new WeakRef(area), latest: null, shows: new Set() };
    this._answers.set(run, answers.set(displayId, answer));
    run.registerMessageHook(message => {
      const bundle = changeOf(message, displayId);
      if (bundle) {
        answer.latest = bundle;
        answer.shows.forEach(show => show(bundle));
      }
      return true;
    });
    return answer;
  }

  // Weak: JupyterLab keeps the run of a deleted cell for as long as that can be brought back.
  private readonly _answers = new WeakMap<IRun, Map<string, IAnswer>>();
}

/** An answer: the area that JupyterLab itself brings it to, and what has come last. */
interface IAnswer {
  area: WeakRef<object>;
  latest: MimeBundle | null;
  shows: Set<Show>;
}

/** Return what a message makes of an output, or null if it is about something else. */
function changeOf({ header, content }: IUpdate, displayId: string): MimeBundle | null {
  const { data, transient } = content as {
    data?: MimeBundle;
    transient?: { display_id?: unknown };
  };
  const isChange = header.msg_type === 'update_display_data' && transient?.display_id === displayId;
  return (isChange && data) || null;
}
