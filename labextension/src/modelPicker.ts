/** The dialog in which the model and the engine are chosen, loaded and unloaded. */

import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { NotebookBridge } from './bridge';
import { withCodeSpans } from './codeSpans';
import type { ModelChoices, OfferedModel } from './protocol';

const AUTO = 'auto';

/** Whoever answers the picker's requests. */
type Kernel = Pick<NotebookBridge, 'request'>;

/**
 * Show the picker until it is closed; a load that it began is stopped then.
 *
 * @returns whether the session's figures are wanted next.
 */
export async function chooseModel(kernel: Kernel, trans: TranslationBundle): Promise<boolean> {
  const picker = new ModelPicker(kernel, trans);
  const figures = Dialog.createButton({ label: trans.__('Statistics'), actions: ['figures'] });
  const dialog = new Dialog({
    title: trans.__('CodeFace model'),
    body: picker,
    buttons: [figures, Dialog.okButton({ label: trans.__('Close') })]
  });
  void picker.refresh();
  const { button: chosen } = await dialog.launch();
  return chosen.actions.includes('figures');
}

/** What there is to choose from, and what is chosen. */
export class ModelPicker extends Widget {
  constructor(
    private readonly _kernel: Kernel,
    private readonly _trans: TranslationBundle
  ) {
    super();
    const trans = this._trans;
    this.addClass('jp-CodeFace-picker');
    this._models.addEventListener('change', () => void this._use());
    this._engines.addEventListener('change', () => void this._use());
    this._load.addEventListener('click', () => void this._toggleLoading());
    this._unload.addEventListener('click', () => void this._unloadModel());
    this._said.setAttribute('role', 'status');
    this._completionProblem.setAttribute('role', 'note');
    this._load.textContent = trans.__('Load now');
    this._unload.textContent = trans.__('Unload');
    const buttons = document.createElement('div');
    buttons.append(this._load, this._unload);
    this.node.append(
      ...labelled(trans.__('Model'), this._models),
      this._facts,
      ...labelled(trans.__('Engine'), this._engines),
      this._completionProblem,
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
    await this._saying(this._trans.__('Looking at what runs here …'), async () => {
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
      option(AUTO, this._trans.__('auto: the best that runs well here')),
      ...own.map(name => option(name, name)),
      ...choices.models.map(model => option(model.name, describe(model, this._trans)))
    );
    this._models.value = choices.model;
    this._engines.replaceChildren(
      option(AUTO, this._trans.__('auto: the fastest for the model')),
      ...choices.engines.map(name => option(name, name))
    );
    this._engines.value = choices.engine;
    const problem = choices.completion_problem;
    this._completionProblem.hidden = !problem;
    const said = problem ? this._trans.__('Ghost text: %1', problem) : '';
    this._completionProblem.replaceChildren(...withCodeSpans(said));
    this._showFacts();
  }

  private _showFacts(): void {
    const name = this._models.value;
    const model = this._choices?.models.find(candidate => candidate.name === name);
    const facts = name === AUTO ? (this._choices?.auto ?? '') : (model?.facts ?? '');
    this._facts.replaceChildren(...withCodeSpans(facts));
    this._unload.disabled = this._choices?.is_loaded !== true;
  }

  private async _use(): Promise<void> {
    this._showFacts();
    const wanted = { model: this._models.value, engine: this._engines.value };
    await this._saying('', async () => {
      await this._kernel.request('use_model', wanted);
      return this._trans.__('Answers from the next question on, in this session.');
    });
  }

  private async _toggleLoading(): Promise<void> {
    if (this._loading) {
      this._loading.abort();
      return;
    }
    const loading = (this._loading = new AbortController());
    this._load.textContent = this._trans.__('Stop');
    await this._saying(this._trans.__('Loading …'), async () => {
      await this._kernel.request(
        'load_model',
        {},
        {
          signal: loading.signal,
          onPartial: ({ text }) => this._say(text)
        }
      );
      this._show(await this._kernel.request('get_models', {}));
      return this._trans.__('Loaded.');
    });
    this._loading = null;
    this._load.textContent = this._trans.__('Load now');
  }

  private async _unloadModel(): Promise<void> {
    await this._saying(this._trans.__('Unloading …'), async () => {
      await this._kernel.request('unload_model', {});
      this._show(await this._kernel.request('get_models', {}));
      return this._trans.__('Unloaded.');
    });
  }

  /** Say what goes on, then what came of it, or what went wrong. */
  private async _saying(begin: string, work: () => Promise<string>): Promise<void> {
    this._say(begin);
    this._enable(false);
    try {
      this._say(await work());
    } catch (error) {
      const isStopped = this._loading?.signal.aborted === true;
      this._say(isStopped ? this._trans.__('Stopped.') : String((error as Error).message));
    }
    this._enable(true);
    this._showFacts();
  }

  private _say(text: string): void {
    this._said.replaceChildren(...withCodeSpans(text));
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
  private readonly _completionProblem = document.createElement('p');
  private readonly _said = document.createElement('p');
  private readonly _load = dialogButton();
  private readonly _unload = dialogButton();
  private _choices: ModelChoices | null = null;
  private _loading: AbortController | null = null;
}

function describe({ name, is_here: isHere, fits }: OfferedModel, trans: TranslationBundle): string {
  if (fits) {
    return isHere ? trans.__('%1 (here)', name) : name;
  }
  return isHere
    ? trans.__('%1 (here, does not fit in memory)', name)
    : trans.__('%1 (does not fit in memory)', name);
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

function dialogButton(): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'jp-mod-styled jp-mod-minimal';
  return made;
}
