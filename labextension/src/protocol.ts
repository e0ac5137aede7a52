/**
 * What the kernel and the front end say to each other.
 *
 * The other half is `codeface_jupyter/frontend/protocol.py`; both are tested on the
 * examples in `tests/data/protocol`.
 */

export const PROTOCOL_VERSION = 1;
export const HELLO_TARGET = 'codeface.hello';
export const NOTEBOOK_TARGET = 'codeface.notebook';
export const RESULT_MIME = 'application/vnd.codeface.result.v1+json';

export const MAX_CELLS = 5000;
export const MAX_CELL_CHARACTERS = 50000;
export const MAX_NOTEBOOK_CHARACTERS = 1000000;

/** One cell of the notebook, as it stands in the editor. */
export type Cell = {
  id: string;
  type: 'code' | 'markdown' | 'raw';
  source: string;
  execution_count: number | null;
  is_cut: boolean;
};

/** The settings that the kernel acts on; a missing one is not set. */
export type KernelSettings = {
  context_cells?: number | null;
  background_load?: boolean;
};

type NotebookCells = { path: string; asking: string | null; cells: Cell[] };

/** A message without its version, which the bridge adds. */
export type FrontEndMessage =
  | { type: 'open'; settings: KernelSettings }
  | ({ type: 'notebook' } & NotebookCells)
  | ({ type: 'cells'; request_id: string } & NotebookCells)
  | { type: 'stop' }
  | { type: 'ask_again'; answer_id: string }
  | { type: 'settings'; settings: KernelSettings }
  | { type: 'get_stats'; request_id: string };

/** Ask for the cells as they are now. */
export type CellsRequest = { type: 'get_cells'; request_id: string; asking: string | null };

/** Put `source` below a cell, or in its place. */
export type InsertMessage = {
  type: 'insert';
  cell_id: string;
  mode: 'below' | 'replace';
  cell_type: 'code' | 'markdown';
  source: string;
};

/** What the session is doing. */
export type StatusMessage = {
  type: 'status';
  model: string;
  engine: string;
  state: 'idle' | 'loading' | 'generating';
  tokens_per_s: number | null;
};

/** The session's figures. */
export type StatsMessage = { type: 'stats'; request_id: string; text: string };

/** A message that the kernel could not use. */
export type ErrorMessage = { type: 'error'; message: string };

/** The extension is loaded in this kernel. */
export type HelloMessage = { type: 'hello'; package_version: string };

export type KernelMessage =
  CellsRequest | InsertMessage | StatusMessage | StatsMessage | ErrorMessage | HelloMessage;

/** One code block of an answer and the cell that it would become. */
export type ResultBlock = {
  language: string;
  code: string;
  cell_type: 'code' | 'markdown';
  source: string;
  is_closed: boolean;
};

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
  prompt: string;
  insert: string;
  record: Record<string, unknown>;
  /** What the kernel calls an answer that was replayed; older notebooks have none. */
  answer_id?: string | null;
};

type Fields = Record<string, unknown>;

/** Return the message, or null for anything that is not one of ours in our version. */
export function parseKernelMessage(data: unknown): KernelMessage | null {
  if (!isObject(data) || data.version !== PROTOCOL_VERSION || typeof data.type !== 'string') {
    return null;
  }
  const isValid = KERNEL_MESSAGES[data.type];
  return isValid?.(data) ? (data as unknown as KernelMessage) : null;
}

/** Whether `data` is a result of a version that this front end can show. */
export function isResultData(data: unknown): data is ResultData {
  return (
    isObject(data) &&
    data.version === PROTOCOL_VERSION &&
    areStrings(data, 'text', 'finish_reason', 'footer', 'prompt', 'insert') &&
    isStringOrNull(data.cell_id) &&
    isStringOrNull(data.replaces_cell_id) &&
    isObject(data.record) &&
    (data.answer_id === undefined || isStringOrNull(data.answer_id)) &&
    Array.isArray(data.blocks) &&
    data.blocks.every(isResultBlock)
  );
}

const KERNEL_MESSAGES: Record<string, (data: Fields) => boolean> = {
  hello: data => areStrings(data, 'package_version'),
  get_cells: data => areStrings(data, 'request_id') && isStringOrNull(data.asking),
  insert: data =>
    areStrings(data, 'cell_id', 'source') &&
    isOneOf(data.mode, 'below', 'replace') &&
    isOneOf(data.cell_type, 'code', 'markdown'),
  status: data =>
    areStrings(data, 'model', 'engine') &&
    isOneOf(data.state, 'idle', 'loading', 'generating') &&
    (data.tokens_per_s === null || typeof data.tokens_per_s === 'number'),
  stats: data => areStrings(data, 'request_id', 'text'),
  error: data => areStrings(data, 'message')
};

function isResultBlock(block: unknown): block is ResultBlock {
  return (
    isObject(block) &&
    areStrings(block, 'language', 'code', 'source') &&
    isOneOf(block.cell_type, 'code', 'markdown') &&
    typeof block.is_closed === 'boolean'
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function areStrings(data: Fields, ...names: string[]): boolean {
  return names.every(name => typeof data[name] === 'string');
}

function isStringOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

function isOneOf(value: unknown, ...allowed: string[]): boolean {
  return typeof value === 'string' && allowed.includes(value);
}
