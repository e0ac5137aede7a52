/** The outputs of requests that were run but not asked: what they showed before stays. */

import { needsExtension } from './onDemand';

/** A cell that may have outputs. */
export interface IOutputCell {
  model: { sharedModel: { getSource(): string }; outputs?: IOutputs };
}

interface IOutputs {
  toJSON(): IOutput[];
  fromJSON(outputs: IOutput[]): void;
}

type IOutput = { output_type: string; metadata?: unknown };

/** Keeps what a request shows while it runs. */
export class KeptOutputs {
  /** Keep a request's outputs: running it clears them. */
  keep({ model }: IOutputCell): void {
    // Those of other cells stay alone: they may be large.
    const isRequest = needsExtension(model.sharedModel.getSource());
    const outputs = isRequest ? (model.outputs?.toJSON() ?? []) : [];
    if (outputs.length > 0 && !outputs.some(isNotAsked)) {
      this._kept.set(model, outputs);
    }
  }

  /** Put the outputs back if the kernel says that it did not ask. */
  putBack({ model }: IOutputCell): void {
    const kept = this._kept.get(model);
    this._kept.delete(model);
    if (kept && model.outputs?.toJSON().some(isNotAsked)) {
      model.outputs.fromJSON(kept);
    }
  }

  // Weak, and not by ids: of a run that is given up no end is told, and copies share ids.
  private readonly _kept = new WeakMap<object, IOutput[]>();
}

function isNotAsked(output: IOutput): boolean {
  const metadata = output.metadata as { codeface?: { is_not_asked?: unknown } } | undefined;
  return metadata?.codeface?.is_not_asked === true;
}
