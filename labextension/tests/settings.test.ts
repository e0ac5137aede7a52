/** The settings, and the schema that names them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Signal } from '@lumino/signaling';
import { describe, expect, it, vi } from 'vitest';

import { Settings } from '../src/settings';

const SCHEMA = JSON.parse(
  readFileSync(join(__dirname, '..', 'schema', 'plugin.json'), 'utf-8')
) as { properties: Record<string, { default: unknown; description: string }> };

function registry(user: Record<string, unknown>) {
  return {
    get: (name: string) => ({
      composite: (name in user ? user[name] : SCHEMA.properties[name]?.default) as never,
      user: undefined
    }),
    changed: new Signal<never, void>({} as never)
  };
}

describe('the settings', () => {
  it('have the same defaults before and after they are read', () => {
    const settings = new Settings();
    const before = { ...pick(settings) };
    settings.connect(registry({}));
    expect(pick(settings)).toEqual(before);
    expect(before).toEqual({
      insertAction: 'below',
      showButtons: true,
      keepPrompt: false,
      forKernel: {}
    });
  });

  it('take the user’s values and tell of changes', () => {
    const settings = new Settings();
    const changed = vi.fn();
    settings.changed.connect(changed);
    settings.connect(registry({ insertAction: 'replace', contextCells: 7, backgroundLoad: true }));
    expect(changed).toHaveBeenCalledOnce();
    expect(settings.insertAction).toBe('replace');
    expect(settings.forKernel).toEqual({ context_cells: 7, background_load: true });
  });

  it('give the kernel only what is set', () => {
    const settings = new Settings();
    settings.connect(
      registry({ model: 'auto', engine: ' ', temperature: 0, server: 'http://a/v1' })
    );
    expect(settings.forKernel).toEqual({
      model: 'auto',
      temperature: 0,
      base_url: 'http://a/v1'
    });
  });

  it('keep the figures of ghost text within their bounds', () => {
    const settings = new Settings();
    expect([settings.ghostText, settings.ghostTextDelay, settings.ghostTextLines]).toEqual([
      SCHEMA.properties.ghostText?.default,
      SCHEMA.properties.ghostTextDelay?.default,
      SCHEMA.properties.ghostTextLines?.default
    ]);
    settings.connect(registry({ ghostText: false, ghostTextDelay: -5, ghostTextLines: 99.5 }));
    expect([settings.ghostText, settings.ghostTextDelay, settings.ghostTextLines]).toEqual([
      false,
      0,
      20
    ]);
    expect(settings.ghostTextWhileBusy).toBe(false);
    expect(settings.ghostTextOnBattery).toBe(false);
  });

  it('are all described', () => {
    expect(Object.values(SCHEMA.properties).every(({ description }) => description)).toBe(true);
  });
});

function pick({ insertAction, showButtons, keepPrompt, forKernel }: Settings) {
  return { insertAction, showButtons, keepPrompt, forKernel };
}
