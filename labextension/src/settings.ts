/** The user's settings, typed. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

import type { KernelSettings } from './protocol';

/** The settings in force. */
export interface ISettings {
  /** Which button of a block comes first. */
  readonly insertAction: 'below' | 'replace';

  /** Whether results have buttons. */
  readonly showButtons: boolean;

  /** Whether code that replaces a request keeps it as a comment. */
  readonly keepPrompt: boolean;

  /** Whether an empty cell shows how to ask. */
  readonly askInEmptyCells: boolean;

  /** Whether a cell that needs the extension has it loaded. */
  readonly loadOnDemand: boolean;

  /** Whether a request goes once its result has taken the place of the cell that it is about. */
  readonly removeRequest: boolean;

  /** Whether requests are answered in Run All, where a notebook does not say. */
  readonly asksInRunAll: boolean;

  /** Whether code is suggested while it is typed, where a notebook does not say. */
  readonly ghostText: boolean;

  /** The milliseconds after a key before something is suggested; 0 leaves it to the typing. */
  readonly ghostTextDelay: number;

  /** How many lines are suggested at most. */
  readonly ghostTextLines: number;

  /** Whether something is suggested while a cell runs. */
  readonly ghostTextWhileBusy: boolean;

  /** Whether something is suggested without mains. */
  readonly ghostTextOnBattery: boolean;

  /** The settings that the kernel acts on. */
  readonly forKernel: KernelSettings;

  /** Emitted when a value has changed, and when the user's values have been read. */
  readonly changed: ISignal<ISettings, void>;
}

/** Settings that have their defaults until the registry has been read. */
export class Settings implements ISettings {
  get insertAction(): 'below' | 'replace' {
    return this._get('insertAction') === 'replace' ? 'replace' : 'below';
  }

  get showButtons(): boolean {
    return this._get('showButtons') !== false;
  }

  get keepPrompt(): boolean {
    return this._get('keepPrompt') === true;
  }

  get askInEmptyCells(): boolean {
    return this._get('askInEmptyCells') !== false;
  }

  get loadOnDemand(): boolean {
    return this._get('loadOnDemand') !== false;
  }

  get removeRequest(): boolean {
    return this._get('removeRequest') === true;
  }

  get asksInRunAll(): boolean {
    return this._get('askInRunAll') !== false;
  }

  get ghostText(): boolean {
    return this._get('ghostText') !== false;
  }

  get ghostTextDelay(): number {
    return this._number('ghostTextDelay', { from: 0, to: 5000, byDefault: 0 });
  }

  get ghostTextLines(): number {
    return this._number('ghostTextLines', { from: 1, to: 20, byDefault: 8 });
  }

  get ghostTextWhileBusy(): boolean {
    return this._get('ghostTextWhileBusy') === true;
  }

  get ghostTextOnBattery(): boolean {
    return this._get('ghostTextOnBattery') === true;
  }

  get forKernel(): KernelSettings {
    const cells = this._get('contextCells');
    const background = this._get('backgroundLoad');
    const temperature = this._get('temperature');
    const asks = this._get('askInRunAll');
    return {
      ...this._names({ model: 'model', engine: 'engine', server: 'base_url' }),
      ...(typeof temperature === 'number' ? { temperature } : {}),
      ...(typeof cells === 'number' ? { context_cells: Math.max(0, Math.trunc(cells)) } : {}),
      ...(typeof background === 'boolean' ? { background_load: background } : {}),
      ...(typeof asks === 'boolean' ? { ask_in_run_all: asks } : {})
    };
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Take the values of the registry from now on. */
  connect(registry: Pick<ISettingRegistry.ISettings, 'get' | 'changed'>): void {
    this._registry = registry;
    registry.changed.connect(() => this._changed.emit());
    this._changed.emit();
  }

  /** The texts that are set, under the kernel's names. */
  private _names(settings: Record<string, string>): Record<string, string> {
    const entries = Object.entries(settings).map(([name, key]) => [key, this._get(name)]);
    return Object.fromEntries(
      entries.filter(([, value]) => typeof value === 'string' && value.trim())
    ) as Record<string, string>;
  }

  /** A whole number within its bounds. */
  private _number(name: string, limits: { from: number; to: number; byDefault: number }): number {
    const value = this._get(name);
    const number = typeof value === 'number' ? Math.trunc(value) : limits.byDefault;
    return Math.min(limits.to, Math.max(limits.from, number));
  }

  private _get(name: string): unknown {
    return this._registry?.get(name).composite;
  }

  private readonly _changed = new Signal<this, void>(this);
  private _registry: Pick<ISettingRegistry.ISettings, 'get' | 'changed'> | null = null;
}
