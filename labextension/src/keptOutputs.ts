/** The outputs of requests that were run but not asked: what they showed before stays. */

/** A cell that may have outputs. */
export interface IOutputCell {
  model: { id: string; outputs?: IOutputs };
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
    const outputs = model.outputs?.toJSON() ?? [];
    if (outputs.length > 0 && !outputs.some(isNotAsked)) {
      this._kept.set(model.id, outputs);
    }
  }

  /** Put the outputs back if the kernel says that it did not ask. */
  putBack({ model }: IOutputCell): void {
    const kept = this._kept.get(model.id);
    this._kept.delete(model.id);
    if (kept && model.outputs?.toJSON().some(isNotAsked)) {
      model.outputs.fromJSON(kept);
    }
  }

  private readonly _kept = new Map<string, IOutput[]>();
}

function isNotAsked(output: IOutput): boolean {
  const metadata = output.metadata as { codeface?: { is_not_asked?: unknown } } | undefined;
  return metadata?.codeface?.is_not_asked === true;
}
