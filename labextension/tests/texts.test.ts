/** That every text of the page reaches its translators, and comes back from them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';
import { describe, expect, it, vi } from 'vitest';

import { ActionRow } from '../src/actionRow';
import type { IResultPart } from '../src/actions';
import { compare } from '../src/difference';
import { differenceNode } from '../src/differenceView';
import { EarlierList } from '../src/earlierList';
import { FindingList } from '../src/findingList';
import { LiveAnswer } from '../src/liveAnswer';
import { makeReadable, UntrustedMarkdown } from '../src/markdown';
import { OutcomeView } from '../src/outcomeView';
import type { ResultData } from '../src/protocol';
import { QuestionField } from '../src/questionField';
import { ModelPicker } from '../src/modelPicker';
import { MARKED } from './translations';

// Lumino's widgets ask for what jsdom does not have.
vi.hoisted(() => Object.assign(globalThis, { DragEvent: Event }));
vi.mock('@jupyterlab/apputils', () => ({ Notification: {} }));
vi.mock('@jupyterlab/rendermime', () => ({}));
vi.mock('@jupyterlab/ui-components', () => {
  const icon = { element: () => document.createElement('span') };
  const isIcon = (name: string | symbol) => String(name).endsWith('Icon');
  return new Proxy(
    {},
    { get: (_, name) => (isIcon(name) ? icon : undefined), has: (_, name) => isIcon(name) }
  );
});

const ROOT = join(__dirname, '../..');
const SOURCES = join(ROOT, 'labextension/src');
const TEMPLATE = join(ROOT, 'codeface_jupyter/locale/codeface_jupyter.pot');
const SCHEMA = join(ROOT, 'labextension/schema/plugin.json');
/** What the extractor takes for a translator. */
const KNOWN = new Set(['trans', 'this._trans']);

describe('the list for translators', () => {
  it('has the texts of the page; make texts writes it anew', () => {
    const written = [...textsOfSources(), ...textsOfSchema()];
    expect([...new Set(textsOfTemplate())].sort()).toEqual([...new Set(written)].sort());
  });
});

describe('a translated page', () => {
  it.each(Object.entries(shownWidgets()))('has no text of its own in %s', (_, node) => {
    const texts = textsOf(node);
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter(text => /\p{L}/u.test(text.replace(/⟦.*⟧/gsu, '')))).toEqual([]);
  });
});

/** What a person reads or hears of a node. */
function textsOf(node: HTMLElement): string[] {
  const texts: (string | null)[] = [];
  for (const part of [node, ...node.querySelectorAll<HTMLElement>('*')]) {
    const attributes = ['title', 'aria-label', 'placeholder', 'alt'];
    texts.push(...attributes.map(name => part.getAttribute(name)));
    texts.push(...[...part.childNodes].map(child => (child as Text).data ?? null));
  }
  return texts.filter((text): text is string => Boolean(text?.trim()));
}

/** The parts of the page, with data that have no letters. */
function shownWidgets(): Record<string, HTMLElement> {
  const outcome = {
    ...{ ending: 'ran', line: '1', text: '2', header: ['3'], rows: [['4']] },
    ...{ is_whole: false, png: 'aGk=' }
  };
  const edits = [{ block: 0, start: 0, end: 1, replacement: '2' }];
  const finding = { block: 0, line: 1, message: '1', edits };
  const block = { code: '1', source: '1', language: '', cell_type: 'code', is_closed: true };
  const data = {
    ...{ answer_id: '1', blocks: [block, block], finish_reason: 'length', footer: '', text: '1' },
    ...{ findings: [finding, { ...finding, is_applied: true }], notes: [], outcome },
    alternatives: [{ code: '1', source: '1', outcome: null }]
  } as unknown as ResultData;
  const earlier = [data, data].map(data => ({ data, markdown: '', plain: '' }));
  const listing = document.createElement('div');
  listing.append(document.createElement('pre'));
  makeReadable(listing, MARKED);
  const markdown = {} as UntrustedMarkdown;
  const nothing = vi.fn();
  const lines = Array.from({ length: 20 }, (_, number) => `${number}`).join('\n');
  return {
    ...rows(data),
    'the changes to a cell': differenceNode(compare(`${lines}\n1`, `${lines}\n2`), MARKED),
    'the earlier answers': new EarlierList({
      ...{ data: { ...data, earlier }, markdown, trans: MARKED },
      bringBack: nothing
    }).node,
    'the findings': new FindingList({ data, trans: MARKED, apply: nothing }).node,
    'the outcome': new OutcomeView(data, MARKED).node,
    'the field for a question': new QuestionField({
      ...{ trans: MARKED, onAsk: nothing, onClose: nothing }
    }).node,
    'an answer that comes': new LiveAnswer({
      ...{ markdown, trans: MARKED, question: null, onStop: nothing }
    }).node,
    'the model picker': new ModelPicker({ request: nothing }, MARKED).node,
    'a listing': listing
  };
}

function rows(data: ResultData): Record<string, HTMLElement> {
  const kinds = ['block', 'blocks', 'answer'] as const;
  const row = (kind: IResultPart['kind']) =>
    new ActionRow({
      ...{ kind, data, name: '1', trans: MARKED, isReplaceable: true, canAskMore: true }
    } as IResultPart).node;
  return Object.fromEntries(kinds.map(kind => [`the buttons of kind ${kind}`, row(kind)]));
}

/** The texts that the sources have translated, each of them a literal that can be extracted. */
function textsOfSources(): string[] {
  return readdirSync(SOURCES)
    .filter(name => name.endsWith('.ts'))
    .flatMap(name => {
      const source = readFileSync(join(SOURCES, name), 'utf-8');
      return translatedIn(ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true));
    });
}

function translatedIn(node: ts.Node): string[] {
  const texts: string[] = [];
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { name, expression } = node.expression;
    if (['__', '_n'].includes(name.text)) {
      const place = node.getSourceFile().fileName;
      expect(KNOWN, `${place}: ${node.getText()}`).toContain(expression.getText());
      for (const text of node.arguments.slice(0, name.text === '_n' ? 2 : 1)) {
        expect(ts.isStringLiteral(text), `${place}: ${node.getText()}`).toBe(true);
        texts.push((text as ts.StringLiteral).text);
      }
    }
  }
  node.forEachChild(child => void texts.push(...translatedIn(child)));
  return texts;
}

function textsOfSchema(): string[] {
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf-8')) as {
    title: string;
    description: string;
    properties: Record<string, { title: string; description: string }>;
  };
  return [schema, ...Object.values(schema.properties)].flatMap(part => [
    part.title,
    part.description
  ]);
}

function textsOfTemplate(): string[] {
  const found = readFileSync(TEMPLATE, 'utf-8').matchAll(/^msgid(?:_plural)? (".+")$/gm);
  return [...found].map(([, text = '""']) => JSON.parse(text) as string).filter(Boolean);
}
