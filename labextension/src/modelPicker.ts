/** The dialog in which the model and the engine are chosen, loaded and unloaded. */

import { Dialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import type { NotebookBridge } from './bridge';
import type { ModelChoices, OfferedModel } from './protocol';

const AUTO = 'auto';
const LOAD = 'Load now';

/** Whoever answers the picker's requests. */
type Kernel = Pick<NotebookBridge, 'request'>;

/**
 * Show the picker until it is closed; a load that it began is stopped then.
 *
 * @returns whether the session's figures are wanted next.
 */
export async function chooseModel(kernel: Kernel): Promise<boolean> {
  const picker = new ModelPicker(kernel);
  const figures = Dialog.createButton({ label: 'Statistics', actions: ['figures'] });
  const dialog = new Dialog({
    title: 'CodeFace model',
    body: picker,
    buttons: [figures, Dialog.okButton({ label: 'Close' })]
  });
  void picker.refresh();
  const { button: chosen } = await dialog.launch();
  return chosen.actions.includes('figures');
}

/** What there is to choose from, and what is chosen. */
export class ModelPicker extends Widget {
  constructor(private readonly _kernel: Kernel) {
    super();
    this.addClass('jp-CodeFace-picker');
    this._models.addEventListener('change', () => void this._use());
    this._engines.addEventListener('change', () => void this._use());
    this._load.addEventListener('click', () => void this._toggleLoading());
    this._unload.addEventListener('click', () => void this._do('Unloading …', 'unload_model'));
    this._said.setAttribute('role', 'status');
    const buttons = document.createElement('div');
    buttons.append(this._load, this._unload);
    this.node.append(
      ...labelled('Model', this._models),
      this._facts,
      ...labelled('Engine', this._engines),
      buttons,
      this._said
    );
    this._enable(false);
  }

  override dispose(): void {
    this._loading?.abort();
    super.dispose();
  }

  /** Ask the kernel what there is. */
  async refresh(): Promise<void> {
    await this._saying('Looking at what runs here …', async () => {
      this._show(await this._kernel.request('get_models', {}));
      return '';
    });
    this._models.focus();
  }

  private _show(choices: ModelChoices): void {
    this._choices = choices;
    const names = choices.models.map(({ name }) => name);
    const own = [AUTO, ...names].includes(choices.model) ? [] : [choices.model];
    this._models.replaceChildren(
      option(AUTO, 'auto: the best that runs well here'),
      ...own.map(name => option(name, name)),
      ...choices.models.map(model => option(model.name, describe(model)))
    );
    this._models.value = choices.model;
    this._engines.replaceChildren(
      option(AUTO, 'auto: the fastest for the model'),
      ...choices.engines.map(name => option(name, name))
    );
    this._engines.value = choices.engine;
    this._showFacts();
  }

  private _showFacts(): void {
    const name = this._models.value;
    const model = this._choices?.models.find(candidate => candidate.name === name);
    this._facts.textContent = name === AUTO ? (this._choices?.auto ?? '') : (model?.facts ?? '');
    this._unload.disabled = this._choices?.is_loaded !== true;
  }

  private async _use(): Promise<void> {
    this._showFacts();
    const wanted = { model: this._models.value, engine: this._engines.value };
    await this._saying('', async () => {
      await this._kernel.request('use_model', wanted);
      return 'Answers from the next question on, in this session.';
    });
  }

  private async _toggleLoading(): Promise<void> {
    if (this._loading) {
      this._loading.abort();
      return;
    }
    const loading = (this._loading = new AbortController());
    this._load.textContent = 'Stop';
    await this._saying('Loading …', async () => {
      await this._kernel.request(
        'load_model',
        {},
        {
          signal: loading.signal,
          onPartial: ({ text }) => this._say(text)
        }
      );
      this._show(await this._kernel.request('get_models', {}));
      return 'Loaded.';
    });
    this._loading = null;
    this._load.textContent = LOAD;
  }

  private async _do(saying: string, method: 'unload_model'): Promise<void> {
    await this._saying(saying, async () => {
      await this._kernel.request(method, {});
      this._show(await this._kernel.request('get_models', {}));
      return 'Unloaded.';
    });
  }

  /** Say what goes on, then what came of it, or what went wrong. */
  private async _saying(begin: string, work: () => Promise<string>): Promise<void> {
    this._say(begin);
    this._enable(false);
    try {
      this._say(await work());
    } catch (error) {
      this._say(this._loading?.signal.aborted ? 'Stopped.' : String((error as Error).message));
    }
    this._enable(true);
    this._showFacts();
  }

  private _say(text: string): void {
    this._said.textContent = text;
  }

  /** Let everything be used but, while something loads, its Stop alone. */
  private _enable(isFree: boolean): void {
    for (const part of [this._models, this._engines, this._unload]) {
      part.disabled = !isFree;
    }
    this._load.disabled = !isFree && !this._loading;
  }

  private readonly _models = document.createElement('select');
  private readonly _engines = document.createElement('select');
  private readonly _facts = document.createElement('p');
  private readonly _said = document.createElement('p');
  private readonly _load = dialogButton(LOAD);
  private readonly _unload = dialogButton('Unload');
  private _choices: ModelChoices | null = null;
  private _loading: AbortController | null = null;
}

function describe({ name, is_here, fits }: OfferedModel): string {
  const marks = [is_here ? 'here' : '', fits ? '' : 'does not fit in memory'].filter(Boolean);
  return marks.length ? `${name} (${marks.join(', ')})` : name;
}

function labelled(text: string, select: HTMLSelectElement): HTMLElement[] {
  const label = document.createElement('label');
  label.textContent = text;
  // There is one dialog at a time.
  select.id = label.htmlFor = `jp-CodeFace-picker-${text}`;
  return [label, select];
}

function option(value: string, text: string): HTMLOptionElement {
  const made = document.createElement('option');
  made.value = value;
  made.textContent = text;
  return made;
}

function dialogButton(text: string): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'jp-mod-styled jp-mod-minimal';
  made.textContent = text;
  return made;
}
