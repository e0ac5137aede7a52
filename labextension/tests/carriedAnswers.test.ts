/** That what comes reaches an output in another area than at first. */

import { beforeEach, expect, it, vi } from 'vitest';

import { CarriedAnswers, IRun } from '../src/carriedAnswers';

type Message = Parameters<Parameters<IRun['registerMessageHook']>[0]>[0];

const before = {};
const after = {};
const show = vi.fn();
let answers: CarriedAnswers;
let run: IRun;
let hooks: ((message: Message) => boolean)[];

function send(text: string, { type = 'update_display_data', id = 'd' } = {}): void {
  const content = { data: { 'text/plain': text }, transient: { display_id: id } };
  expect(hooks.every(hook => hook({ header: { msg_type: type }, content }))).toBe(true);
}

beforeEach(() => {
  show.mockReset();
  hooks = [];
  answers = new CarriedAnswers();
  run = { isDisposed: false, registerMessageHook: hook => void hooks.push(hook) };
});

it('leaves what comes to JupyterLab as long as the area is the same', () => {
  answers.follow(run, before, 'd', show);
  answers.follow(run, before, 'd', show);
  send('a');
  expect(show).not.toHaveBeenCalled();
  expect(hooks).toHaveLength(1);
});

it('brings what comes to another area', () => {
  answers.follow(run, before, 'd', show);
  answers.follow(run, after, 'd', show);
  expect(show).not.toHaveBeenCalled();
  send('a');
  expect(show.mock.calls).toEqual([[{ 'text/plain': 'a' }]]);
});

it('brings what has come between two areas, also after the end', () => {
  answers.follow(run, before, 'd', show).dispose();
  send('a');
  send('b');
  answers.follow({ ...run, isDisposed: true }, after, 'd', show);
  expect(show).not.toHaveBeenCalled();
  Object.assign(run, { isDisposed: true });
  answers.follow(run, after, 'd', show);
  expect(show.mock.calls).toEqual([[{ 'text/plain': 'b' }]]);
});

it('brings nothing of other outputs, and no other messages', () => {
  answers.follow(run, before, 'd', show);
  answers.follow(run, after, 'd', show);
  send('a', { id: 'other' });
  send('a', { type: 'display_data' });
  hooks.forEach(hook => hook({ header: { msg_type: 'status' }, content: {} }));
  expect(show).not.toHaveBeenCalled();
});

it('brings nothing once it is no longer wanted', () => {
  answers.follow(run, before, 'd', show);
  answers.follow(run, after, 'd', show).dispose();
  send('a');
  expect(show).not.toHaveBeenCalled();
});
