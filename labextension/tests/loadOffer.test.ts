/** The question whether a model is to be loaded for ghost text. */

import { Notification } from '@jupyterlab/apputils';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { LoadOffer } from '../src/loadOffer';
import type { Status } from '../src/protocol';
import { ENGLISH } from './translations';

vi.mock('@jupyterlab/apputils', () => ({ Notification: { info: vi.fn(), warning: vi.fn() } }));

describe('the offer to load a model', () => {
  const offered = vi.mocked(Notification.info);
  const status: Status = { model: 'small', engine: 'scripted', state: 'idle', tokens_per_s: null };
  const kernel = { status, request: vi.fn(() => Promise.resolve({ text: '' })) };

  beforeEach(() => {
    offered.mockClear();
  });

  it('is made once on a page, and loads', () => {
    const offer = new LoadOffer(ENGLISH);
    offer.make(kernel as never);
    offer.make(kernel as never);

    expect(offered).toHaveBeenCalledOnce();
    const [load] = offered.mock.calls[0]?.[1]?.actions ?? [];
    load?.callback({} as MouseEvent);
    expect(kernel.request).toHaveBeenCalledWith('load_model', {});
  });

  it('is made again for a model that is lost', () => {
    const offer = new LoadOffer(ENGLISH);
    offer.make(kernel as never);
    offer.make(kernel as never, true);
    offer.make(kernel as never);

    expect(offered).toHaveBeenCalledTimes(2);
  });
});
