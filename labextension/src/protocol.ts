/**
 * The messages between the kernel and the front end.
 *
 * The other half is `codeface_jupyter/frontend/protocol.py`; both are tested on the
 * examples in `tests/data/protocol`.
 */

import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

export const PROTOCOL_VERSION = 2;
export const HELLO_TARGET = 'codeface.hello';
export const NOTEBOOK_TARGET = 'codeface.notebook';
// What is saved in notebooks has a version of its own: messages are not kept.
export const RESULT_MIME = 'application/vnd.codeface.result.v1+json';
export const RESULT_VERSION = 1;
/** The answers of a batch. */
export const BATCH_MIME = 'application/vnd.codeface.batch.v1+json';
export const BATCH_VERSION = 1;
/** An answer that still comes. */
export const STREAM_MIME = 'application/vnd.codeface.stream.v1+json';
export const STREAM_VERSION = 1;

export const MAX_CELLS = 5000;
export const MAX_CELL_CHARACTERS = 50000;
export const MAX_NOTEBOOK_CHARACTERS = 1000000;
export const MAX_CELL_ERRORS = 10;
export const MAX_TRACEBACK_CHARACTERS = 8000;
export const MAX_ID_CHARACTERS = 512;
export const MAX_COMPLETION_LINES = 50;
export const MAX_QUESTION_CHARACTERS = 20000;
export const MAX_ERROR_CHARACTERS = 4000;
export const MAX_FINDINGS = 50;
export const MAX_ALTERNATIVES = 4;
export const MAX_FINDING_EDITS = 200;
export const MAX_MESSAGE_CHARACTERS = 500;
export const MAX_MODELS = 10000;

/** The error that a cell's output shows. */
export type CellError = { ename: string; evalue: string; traceback: string };

/** One cell of the notebook, as it stands in the editor; only near ones bring their error. */
export type Cell = {
  id: string;
  type: 'code' | 'markdown' | 'raw';
  source: string;
  execution_count: number | null;
  is_cut: boolean;
  error?: CellError;
};

/** The settings that the kernel acts on; a missing one is not set. */
export type KernelSettings = {
  context_cells?: number | null;
  background_load?: boolean;
  model?: string;
  engine?: string;
  temperature?: number;
  base_url?: string;
  ask_in_run_all?: boolean;
};

/** The cells of a notebook, and the one that runs or asks. */
export type NotebookCells = {
  path: string;
  asking: string | null;
  cells: Cell[];
  /** Whether the asking cell runs with others that nobody selected. */
  is_run_all?: boolean;
  /** What the notebook's own metadata says of that setting. */
  ask_in_run_all?: boolean | null;
  answers?: 'code' | 'hints' | null;
};

/** What the session is doing. */
export type Status = {
  model: string;
  engine: string;
  state: 'idle' | 'loading' | 'generating';
  tokens_per_s: number | null;
};

/** A model that may be chosen; `facts` say in a line what it takes and how good it is here. */
export type OfferedModel = { name: string; facts: string; is_here: boolean; fits: boolean };

/** The models and engines that may be chosen, and those that are. */
export type ModelChoices = {
  model: string;
  engine: string;
  /** What the model `auto` comes to here. */
  auto: string;
  is_loaded: boolean;
  /** Why the model that is named for completions makes none; kernels of earlier releases say nothing. */
  completion_problem?: string;
  engines: string[];
  models: OfferedModel[];
};

/** Where the cursor stands in a code cell, and under which terms a completion is wanted. */
export type CompletionWanted = {
  /** The code cells above, in their order: as many of the nearest as matter. */
  above: string[];
  /** The cell before the cursor, and after it. */
  prefix: string;
  suffix: string;
  max_lines: number;
  /** Whether the user pressed a key for it. */
  is_asked_for: boolean;
  while_busy: boolean;
  on_battery: boolean;
};

/** Why nothing is completed or read; empty where the model has no idea, or has read it. */
export type Silence = '' | 'unloaded' | 'unsuited' | 'busy' | 'on_battery';

/** What goes in at the cursor, or why nothing does. */
export type Completion = { text: string; silence: Silence };

/** The payload or the result of a method that needs none. */
export type Nothing = Record<string, never>;

/** An answer so far, and a line on what is being done; its lasting output at its end. */
export type AnswerUpdate = {
  text: string;
  status: string;
  /** By MIME types; null if nothing has come that is to be shown. */
  bundle: MimeBundle | null;
};

export type MimeBundle = ReadonlyPartialJSONObject;

/** Notifications to the kernel. */
export type KernelNotifications = {
  /** The cells, right before one of them runs. */
  cells: NotebookCells;
  /** The settings, at first and when they change. */
  settings: KernelSettings;
  /** End what is being generated: in a cell, or under an answer, if one is named. */
  stop: { cell_id?: string; answer_id?: string };
};

/** Requests to the kernel. */
export type KernelRequests = {
  /** Complete code at the cursor; a newer request ends an older one. */
  complete: { payload: CompletionWanted; result: Completion };
  /** Read what a completion at the cursor would need, since the cell has got the focus. */
  warm_up: { payload: CompletionWanted; result: { silence: Silence } };
  /** Read the prompt of the question in the asking cell, which is yet to be sent off. */
  read_ahead: { payload: NotebookCells; result: { silence: Silence } };
  /** Answer the question of an answer in another way. */
  try_again: { payload: { answer_id: string }; result: AnswerUpdate };
  /** Answer a question about an answer. */
  follow_up: { payload: { answer_id: string; question: string }; result: AnswerUpdate };
  /** Go on with an answer that was cut off; the whole text results. */
  continue_answer: { payload: { answer_id: string }; result: AnswerUpdate };
  /** Give the session's figures. */
  get_stats: { payload: Nothing; result: { text: string } };
  /** Give the models and engines that may be chosen. */
  get_models: { payload: Nothing; result: ModelChoices };
  /** Choose a model and an engine for this session. */
  use_model: { payload: { model: string; engine: string }; result: Nothing };
  /** Load the model that is chosen, fetching it first if it is not here. */
  load_model: { payload: Nothing; result: { text: string } };
  /** Free the model's memory. */
  unload_model: { payload: Nothing; result: Nothing };
};

/** Notifications from the kernel. */
export type FrontEndNotifications = {
  status: Status;
  /** The answers that the kernel knows, which alone it can be asked about. */
  answers: { answer_ids: string[] };
};

/** Requests from the kernel. */
export type FrontEndRequests = {
  /** Give the cells as they are now. */
  get_cells: { payload: { asking: string | null }; result: NotebookCells };
};

type Fields = Record<string, unknown>;

type NotificationMessage = { type: 'notification'; method: string; payload: Fields };
type RequestMessage = { type: 'request'; request_id: string; method: string; payload: Fields };
type CancelMessage = { type: 'cancel'; request_id: string };
type ResponseMessage = { type: 'response'; request_id: string; result: Fields };
/** The result of a request so far. */
type PartialMessage = { type: 'partial'; request_id: string; result: Fields };
/** A request that failed, or without an id, another message that could not be used. */
type ErrorMessage = { type: 'error'; request_id?: string | null; message: string };

/** A message without its version, which the bridge adds. */
export type FrontEndMessage =
  | { type: 'open' }
  | NotificationMessage
  | RequestMessage
  | CancelMessage
  | ResponseMessage
  | ErrorMessage;

export type KernelMessage =
  | { type: 'hello'; package_version: string }
  | NotificationMessage
  | RequestMessage
  | CancelMessage
  | PartialMessage
  | ResponseMessage
  | ErrorMessage;

/** One code block of an answer and the cell that it would become. */
export type ResultBlock = {
  language: string;
  code: string;
  cell_type: 'code' | 'markdown';
  source: string;
  is_closed: boolean;
};

/** A change of a block: its code points `start` up to `end` become `replacement`. */
export type ResultEdit = { block: number; start: number; end: number; replacement: string };

/** Something that does not fit the notebook, in a line, from 1, of a block, from 0. */
export type ResultFinding = {
  kind: string;
  message: string;
  block: number;
  line: number;
  /** What mends it; once that is done, what undoes it. */
  edits: ResultEdit[];
  is_applied?: boolean;
};

/** What an answer's code did on a copy of the kernel. */
export type ResultOutcome = {
  /** One sentence; code in it is between backticks. */
  line: string;
  /** `ran`, or what kept it from that. */
  ending: string;
  /** What the cell would show: text, a table, a picture as base64; all may be empty. */
  text: string;
  header: string[];
  rows: string[][];
  is_whole: boolean;
  png: string;
  /** Whether that is what was asked for; older notebooks do not say. */
  is_answer?: boolean;
  /** Whether several answers were tried and none did the same; older notebooks do not say. */
  is_unsure?: boolean;
};

/** Another answer that ran and did something else. */
export type ResultAlternative = {
  code: string;
  source: string;
  outcome: ResultOutcome | null;
  /** Why it cannot take the place of the cell that is rewritten; older notebooks do not say. */
  obstacle?: string;
};

/** What a cell to be rewritten was: marks stand for lines that nobody is shown. */
export type ResultRewrite = {
  before: string;
  hidden: { mark: string; count: number }[];
  /** Whether the only block, which is the whole new cell, may take the old one's place. */
  is_offered: boolean;
  /** Whether it is a copy of other cells, of no use below it either; older notebooks do not say. */
  only_repeats?: boolean;
};

/** An answer that another one has taken the place of, and its text for others than us. */
export type EarlierAnswer = { data: ResultData; markdown: string; plain: string };

/** The lasting output of an answer. */
export type ResultData = {
  version: number;
  text: string;
  blocks: ResultBlock[];
  finish_reason: string;
  footer: string;
  cell_id: string | null;
  /** The cell that the answer rewrites, if it is not the one that asked. */
  replaces_cell_id: string | null;
  /** What that cell was; older notebooks do not say. */
  rewrite?: ResultRewrite | null;
  prompt: string;
  insert: string;
  record: Record<string, unknown>;
  /** What the kernel calls the answer; null or not there where it cannot be asked for more. */
  answer_id?: string | null;
  /** What was asked about the answer above, if this one is about another. */
  question?: string | null;
  /** What was answered to the same question, the newest first. */
  earlier?: EarlierAnswer[];
  /** What was changed in the blocks, and what does not fit the notebook; likewise. */
  notes?: string[];
  findings?: ResultFinding[];
  /** What the code did when it was tried, and other answers that do something else; likewise. */
  outcome?: ResultOutcome | null;
  alternatives?: ResultAlternative[];
};

/** One answer of a batch: its request in a line, and its own lasting output if anything came. */
export type BatchAnswer = {
  title: string;
  /** What it failed with; may be empty. */
  error: string;
  /** The Markdown of both, up to where the answer begins. */
  head: string;
  bundle: MimeBundle | null;
};

/** The lasting output of a batch: a table in Markdown, and the answers. */
export type BatchData = { version: number; table: string; answers: BatchAnswer[] };

/** The output of an answer that still comes. */
export type StreamData = {
  version: number;
  /** The widget that shows it while its kernel lives. */
  model_id: string;
  /** What the kernel calls the output; older notebooks do not say. */
  display_id?: string;
  cell_id: string | null;
  /** The Markdown of what had come when the notebook was saved. */
  text: string;
};

/** Return the message, or null for anything that is not one of ours in our version. */
export function parseKernelMessage(data: unknown): KernelMessage | null {
  if (!isObject(data) || !isOneOf(data.type, ...Object.keys(KERNEL_MESSAGES))) {
    return null;
  }
  // An error of any version is understood: that the versions differ is one.
  const isOurs = data.version === PROTOCOL_VERSION || data.type === 'error';
  const message = data as KernelMessage;
  return isOurs && KERNEL_MESSAGES[message.type](data) ? message : null;
}

/** Whether `data` is what the kernel gives for a request. */
export function isResult<M extends keyof KernelRequests>(
  method: M,
  data: Fields
): data is KernelRequests[M]['result'] {
  return RESULTS[method](data);
}

/** Whether `data` is what the kernel sends with a method. */
export function isPayload(method: keyof typeof PAYLOADS, data: Fields): boolean {
  return PAYLOADS[method](data);
}

/** Whether `data` is a result of a version that this front end can show. */
export function isResultData(data: unknown): data is ResultData {
  return (
    isObject(data) &&
    data.version === RESULT_VERSION &&
    areStrings(data, 'text', 'finish_reason', 'footer', 'prompt', 'insert') &&
    isStringOrNull(data.cell_id) &&
    isStringOrNull(data.replaces_cell_id) &&
    (data.rewrite === undefined || data.rewrite === null || isRewrite(data.rewrite)) &&
    isObject(data.record) &&
    (data.answer_id === undefined || isStringOrNull(data.answer_id)) &&
    (data.question === undefined || isStringOrNull(data.question)) &&
    (data.earlier === undefined || isList(data.earlier, Infinity, isEarlierAnswer)) &&
    Array.isArray(data.blocks) &&
    data.blocks.every(isResultBlock) &&
    (data.notes === undefined || isList(data.notes, MAX_FINDINGS, isMessage)) &&
    (data.findings === undefined || isList(data.findings, MAX_FINDINGS, isResultFinding)) &&
    (data.outcome === undefined || data.outcome === null || isOutcome(data.outcome)) &&
    (data.alternatives === undefined || isList(data.alternatives, MAX_ALTERNATIVES, isAlternative))
  );
}

/** Whether `data` is a batch of a version that this front end can show. */
export function isBatchData(data: unknown): data is BatchData {
  return (
    isObject(data) &&
    data.version === BATCH_VERSION &&
    areStrings(data, 'table') &&
    isList(data.answers, Infinity, isBatchAnswer)
  );
}

/** Whether `data` is an unfinished answer of a version that this front end can show. */
export function isStreamData(data: unknown): data is StreamData {
  return (
    isObject(data) &&
    data.version === STREAM_VERSION &&
    areStrings(data, 'model_id', 'text') &&
    ['string', 'undefined'].includes(typeof data.display_id) &&
    isStringOrNull(data.cell_id)
  );
}

const KERNEL_MESSAGES: Record<KernelMessage['type'], (data: Fields) => boolean> = {
  hello: data => areStrings(data, 'package_version'),
  notification: data => isId(data.method) && isObject(data.payload),
  request: data => isId(data.request_id) && isId(data.method) && isObject(data.payload),
  cancel: data => isId(data.request_id),
  partial: data => isId(data.request_id) && isObject(data.result),
  response: data => isId(data.request_id) && isObject(data.result),
  error: data =>
    (data.request_id === undefined || data.request_id === null || isId(data.request_id)) &&
    // The kernel counts characters, and each is one or two of what a page counts.
    isShorter(data.message, 2 * MAX_ERROR_CHARACTERS)
};

/** Check the result of each request to the kernel. */
export const RESULTS: Record<keyof KernelRequests, (data: Fields) => boolean> = {
  complete: data => areStrings(data, 'text') && isSilence(data.silence),
  warm_up: data => isSilence(data.silence),
  read_ahead: data => isSilence(data.silence),
  try_again: isAnswerUpdate,
  follow_up: isAnswerUpdate,
  continue_answer: isAnswerUpdate,
  get_stats: data => areStrings(data, 'text'),
  get_models: data =>
    areStrings(data, 'model', 'engine', 'auto') &&
    typeof data.is_loaded === 'boolean' &&
    ['string', 'undefined'].includes(typeof data.completion_problem) &&
    isList(data.engines, MAX_MODELS, engine => typeof engine === 'string') &&
    isList(data.models, MAX_MODELS, isOfferedModel),
  use_model: () => true,
  load_model: data => areStrings(data, 'text'),
  unload_model: () => true
};

/** Check the payload of each method of the kernel's. */
export const PAYLOADS: Record<
  keyof FrontEndNotifications | keyof FrontEndRequests,
  (data: Fields) => boolean
> = {
  get_cells: data => isStringOrNull(data.asking),
  answers: data => isList(data.answer_ids, Infinity, isId),
  status: data =>
    areStrings(data, 'model', 'engine') &&
    isOneOf(data.state, 'idle', 'loading', 'generating') &&
    (data.tokens_per_s === null || typeof data.tokens_per_s === 'number')
};

function isAnswerUpdate(data: Fields): boolean {
  return areStrings(data, 'text', 'status') && (data.bundle === null || isObject(data.bundle));
}

function isBatchAnswer(answer: unknown): answer is BatchAnswer {
  return (
    isObject(answer) &&
    areStrings(answer, 'title', 'error', 'head') &&
    (answer.bundle === null || isObject(answer.bundle))
  );
}

function isEarlierAnswer(earlier: unknown): earlier is EarlierAnswer {
  return (
    isObject(earlier) &&
    areStrings(earlier, 'markdown', 'plain') &&
    isResultData(earlier.data) &&
    earlier.data.earlier === undefined
  );
}

function isOfferedModel(model: unknown): model is OfferedModel {
  return (
    isObject(model) &&
    areStrings(model, 'name', 'facts') &&
    typeof model.is_here === 'boolean' &&
    typeof model.fits === 'boolean'
  );
}

function isRewrite(rewrite: unknown): rewrite is ResultRewrite {
  return (
    isObject(rewrite) &&
    areStrings(rewrite, 'before') &&
    typeof rewrite.is_offered === 'boolean' &&
    (rewrite.only_repeats === undefined || typeof rewrite.only_repeats === 'boolean') &&
    Array.isArray(rewrite.hidden) &&
    rewrite.hidden.every(
      lines => isObject(lines) && areStrings(lines, 'mark') && isCount(lines.count)
    )
  );
}

function isResultBlock(block: unknown): block is ResultBlock {
  return (
    isObject(block) &&
    areStrings(block, 'language', 'code', 'source') &&
    isOneOf(block.cell_type, 'code', 'markdown') &&
    typeof block.is_closed === 'boolean' &&
    isCellOf(block as ResultBlock)
  );
}

/**
 * Whether a block's cell is the code that is shown, or that behind its language's magic.
 *
 * A notebook that somebody else has made could hold anything there, and a button runs it.
 */
function isCellOf({ cell_type: type, code, language, source }: ResultBlock): boolean {
  const magic = CELL_MAGICS.get(language);
  return (
    source === code ||
    (type === 'code' && magic !== undefined && source === `${magic}\n${code}`) ||
    (type === 'markdown' && isFenced(source, code))
  );
}

/** Whether a text is a fence in Markdown with just this code in it. */
function isFenced(text: string, code: string): boolean {
  return FENCED.exec(text)?.[2] === code;
}

/** What names a language is in any script; `\w` is ASCII here. */
const FENCED = /^(`{3,})[^\n`]*\n([\s\S]*)\n\1$/;
/** By the languages of code blocks; the kernel has the same. */
const CELL_MAGICS: ReadonlyMap<string, string> = new Map([
  ['bash', '%%bash'],
  ['html', '%%html'],
  ['javascript', '%%javascript'],
  ['latex', '%%latex'],
  ['perl', '%%perl'],
  ['r', '%%R'],
  ['ruby', '%%ruby'],
  ['sql', '%%sql'],
  ['svg', '%%svg']
]);

function isResultFinding(finding: unknown): finding is ResultFinding {
  return (
    isObject(finding) &&
    areStrings(finding, 'kind') &&
    isMessage(finding.message) &&
    isCount(finding.block) &&
    isCount(finding.line) &&
    isList(finding.edits, MAX_FINDING_EDITS, isResultEdit) &&
    (finding.is_applied === undefined || typeof finding.is_applied === 'boolean')
  );
}

function isOutcome(outcome: unknown): outcome is ResultOutcome {
  return (
    isObject(outcome) &&
    isMessage(outcome.line) &&
    areStrings(outcome, 'ending', 'text', 'png') &&
    typeof outcome.is_whole === 'boolean' &&
    (outcome.is_answer === undefined || typeof outcome.is_answer === 'boolean') &&
    (outcome.is_unsure === undefined || typeof outcome.is_unsure === 'boolean') &&
    isStrings(outcome.header) &&
    Array.isArray(outcome.rows) &&
    outcome.rows.every(isStrings)
  );
}

function isSilence(value: unknown): boolean {
  return isOneOf(value, '', 'unloaded', 'unsuited', 'busy', 'on_battery');
}

function isAlternative(alternative: unknown): alternative is ResultAlternative {
  return (
    isObject(alternative) &&
    areStrings(alternative, 'code', 'source') &&
    holdsCode(alternative as ResultAlternative) &&
    (alternative.obstacle === undefined || isMessage(alternative.obstacle)) &&
    (alternative.outcome === null || isOutcome(alternative.outcome))
  );
}

/** Whether an alternative's cell is the code that is shown; what is fenced is not run. */
function holdsCode({ code, source }: ResultAlternative): boolean {
  return source === code || isFenced(source, code);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}

function isResultEdit(edit: unknown): edit is ResultEdit {
  return (
    isObject(edit) &&
    areStrings(edit, 'replacement') &&
    [edit.block, edit.start, edit.end].every(isCount)
  );
}

function isMessage(value: unknown): boolean {
  // The kernel counts characters, and each is one or two of what a page counts.
  return isShorter(value, 2 * MAX_MESSAGE_CHARACTERS);
}

function isList(value: unknown, limit: number, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= limit && value.every(isItem);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function areStrings(data: Fields, ...names: string[]): boolean {
  return names.every(name => typeof data[name] === 'string');
}

function isId(value: unknown): boolean {
  return isShorter(value, MAX_ID_CHARACTERS) && value !== '';
}

function isShorter(value: unknown, limit: number): boolean {
  return typeof value === 'string' && value.length <= limit;
}

function isStringOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isOneOf(value: unknown, ...allowed: string[]): boolean {
  return typeof value === 'string' && allowed.includes(value);
}
