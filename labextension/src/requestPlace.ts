/** Where an answer's code goes in the cell that asked for it: a part of the cell's source. */

import type { ISharedCell } from '@jupyter/ydoc';

import { ILine, isRequest, isRequestCell, requestLines } from './magicCells';

/** A part of a source. */
export interface IPlace {
  start: number;
  end: number;
}

/** Code for the cell that asked. */
interface ICode {
  /** What was asked: of several lines that ask, one ends in it. */
  request: string;
  code: string;
  /** Whether nothing can stand beside the code, such as a cell magic. */
  fillsCell: boolean;
}

/** What a cell becomes, and where the code is in it. */
export interface IAnswered {
  source: string;
  place: IPlace;
}

/** What the cells have become: another answer may take the place of the first. */
const ANSWERED = new WeakMap<ISharedCell, IAnswered>();

/**
 * Return what a cell becomes with code in the place of what asked for it.
 *
 * @returns null if the user's own code would be lost, or if it cannot be told what asked.
 */
export function withCode(cell: ISharedCell, code: ICode): IAnswered | null {
  const place = placeOf(cell, code);
  if (!place) {
    return null;
  }
  const source = cell.getSource();
  const { start, end } = place;
  return {
    source: source.slice(0, start) + code.code + source.slice(end),
    place: { start, end: start + code.code.length }
  };
}

/** Remember what a cell has become. */
export function rememberCode(cell: ISharedCell, answered: IAnswered): void {
  ANSWERED.set(cell, answered);
}

function placeOf(cell: ISharedCell, { fillsCell, request }: ICode): IPlace | null {
  const source = cell.getSource();
  const whole = { start: 0, end: source.length };
  if (isRequestCell(source)) {
    return whole;
  }
  const lines = requestLines(source);
  const place = lineOf(lines, request) ?? onlyPlace(cell, lines);
  const isWhole = place?.start === 0 && place.end === source.length;
  if (place && (isWhole || !fillsCell)) {
    return place;
  }
  return lines.length === 1 && isRequest(source) ? whole : null;
}

function lineOf(lines: ILine[], request: string): IPlace | null {
  const found = lines.filter(({ text }) => text.trimEnd().endsWith(request.trim()));
  return found.length === 1 ? placeOfLine(found[0]) : null;
}

/** Return the place of the only line that asks, or of the code that has taken it since. */
function onlyPlace(cell: ISharedCell, lines: ILine[]): IPlace | null {
  const answered = ANSWERED.get(cell);
  if (answered?.source === cell.getSource()) {
    return lines.length === 0 ? answered.place : null;
  }
  return lines.length === 1 ? placeOfLine(lines[0]) : null;
}

/** Code of several lines cannot stand in a block, or be assigned. */
function placeOfLine(line: ILine | undefined): IPlace | null {
  return line?.text.startsWith('%') ? { start: line.start, end: line.end } : null;
}
