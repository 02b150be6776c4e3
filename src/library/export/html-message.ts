import { createElement, type ReactElement, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import Markdown from 'react-markdown';
import rehypeHighlight from 'rehype-highlight';
import rehypeKatex from 'rehype-katex';
import remarkGfm from 'remark-gfm';
import remarkMath from 'remark-math';
import { isFormattable, withDollarFormulas } from '../../protocol/conversation/markdown-text';
import type { PartView, ReadingMessage } from '../../protocol/conversation/reading';
import { webAddressOf } from '../../protocol/documents/web-address';

/** Where a picture goes: text that cannot occur in a message, replaced by its bytes while the file is written. */
export type PlaceholderOf = (sha256: string) => string | null;

const SPEAKERS: Readonly<Record<ReadingMessage['role'], string>> = {
  human: 'You',
  model: 'Assistant',
  system: 'System',
  tool: 'Tool',
};

const e = createElement;

/** Markdown without raw HTML, pictures from elsewhere or addresses other than of the web. */
function markdown(text: string): ReactNode {
  if (!isFormattable(text)) return e('pre', { className: 'plain' }, text);
  return e(
    Markdown,
    {
      remarkPlugins: [remarkGfm, remarkMath],
      // MathML needs no fonts, so that the file holds all it needs.
      rehypePlugins: [
        [rehypeKatex, { output: 'mathml', throwOnError: false }],
        [rehypeHighlight, { detect: false }],
      ],
      urlTransform: (address) => webAddressOf(address) ?? '',
      components: {
        img: ({ alt, src }) =>
          e('span', { className: 'left-out' }, `[${alt ?? 'image'}${src ? `: ${String(src)}` : ''}]`),
        a: ({ href, children }) =>
          href ? e('a', { href, rel: 'noreferrer noopener' }, children) : e('span', null, children),
      },
    },
    withDollarFormulas(text),
  );
}

function folded(title: string, content: string, className: string): ReactElement {
  return e('details', { className }, e('summary', null, title), e('pre', null, content));
}

function link(title: string, uri: string | null): ReactNode {
  const address = uri === null ? null : webAddressOf(uri);
  return address === null ? title : e('a', { href: address, rel: 'noreferrer noopener' }, title);
}

function partOf(part: PartView, placeholderOf: PlaceholderOf): ReactNode {
  switch (part.kind) {
    case 'text':
      return e(
        'div',
        { className: 'text' },
        part.format === 'markdown' ? markdown(part.text) : e('pre', { className: 'plain' }, part.text),
        part.cut > 0 && e('p', { className: 'left-out' }, `${part.cut} more characters are in the tore-0005 file.`),
      );
    case 'code':
      return e('pre', null, e('code', null, part.code));
    case 'image': {
      const source = part.place.kind === 'stored' ? placeholderOf(part.place.sha256) : null;
      return source === null
        ? e('p', { className: 'left-out' }, `[${part.alt}]`)
        : // Lazy, because React would add a preload of every other picture, with its bytes once more.
          e('img', { src: source, alt: part.alt, loading: 'lazy' });
    }
    case 'file':
      return part.text === null
        ? e('p', { className: 'left-out' }, `[${part.name}]`)
        : folded(part.name, part.text, 'file');
    case 'thinking':
      return folded(part.summary ?? 'Thinking', part.text, 'thinking');
    case 'tool-call':
      return folded(`Calls ${part.name}`, part.json, 'tool');
    case 'tool-result':
      return folded(part.name === null ? 'Result' : `Result of ${part.name}`, part.json, 'tool');
    case 'citation':
      return e('p', { className: 'source' }, 'Source: ', link(part.title, part.uri));
    case 'other':
      return folded(part.type, part.json, 'tool');
  }
}

/** Parts with every text as it is, for when formatting one of them went too deep for the engine's stack. */
function unformatted(parts: readonly PartView[]): readonly PartView[] {
  return parts.map((part) => (part.kind === 'text' ? { ...part, format: 'plain' } : part));
}

/** One message as a piece of HTML. Everything a document says is escaped text or an address of the web. */
export function htmlOfMessage(message: ReadingMessage, placeholderOf: PlaceholderOf): string {
  try {
    return messageHtml(message, placeholderOf);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    return messageHtml({ ...message, parts: unformatted(message.parts) }, placeholderOf);
  }
}

function messageHtml(message: ReadingMessage, placeholderOf: PlaceholderOf): string {
  const { role, author, model, createdAt, branch } = message;
  const about = [
    model,
    createdAt?.slice(0, 16).replace('T', ' '),
    branch.count > 1 ? `${branch.position}/${branch.count}` : null,
  ];
  return renderToStaticMarkup(
    e(
      'article',
      { className: role },
      e(
        'header',
        null,
        e('h2', null, author ?? SPEAKERS[role]),
        e('p', null, about.filter((entry) => entry !== null && entry !== undefined).join(' · ')),
      ),
      ...message.parts.map((part, index) => e('section', { key: index }, partOf(part, placeholderOf))),
    ),
  );
}
