import { entryOf } from './source-values';

/** A piece of HTML: words between tags, or a tag. */
export type HtmlToken =
  | { readonly kind: 'text'; readonly raw: string }
  | { readonly kind: 'open' | 'close'; readonly name: string; readonly attributes: string };

const TAG_NAME = /^\/?([a-zA-Z][a-zA-Z0-9]*)/;

/** Where the tag that starts at `from` ends: its `>` outside quotes, or -1. */
function tagEnd(html: string, from: number): number {
  let quote: string | null = null;
  for (let at = from; at < html.length; at += 1) {
    const character = html[at];
    if (quote !== null) {
      if (character === quote) quote = null;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at;
  }
  return -1;
}

/** Takes HTML apart in one pass, each character looked at a bounded number of times, whatever is unclosed in it. */
export function* scanHtml(html: string): Generator<HtmlToken> {
  let textFrom = 0;
  let at = html.indexOf('<');
  while (at !== -1) {
    const isComment = html.startsWith('<!--', at);
    const name = isComment ? null : (TAG_NAME.exec(html.slice(at + 1, at + 40))?.[1] ?? null);
    if (!isComment && name === null) {
      // A bare "<" is a word of its own.
      at = html.indexOf('<', at + 1);
      continue;
    }
    const end = isComment ? html.indexOf('-->', at + 4) : tagEnd(html, at);
    // Nothing behind an unclosed tag can be told from its attributes.
    if (end === -1) break;
    if (at > textFrom) yield { kind: 'text', raw: html.slice(textFrom, at) };
    if (name !== null) {
      const isClosing = html[at + 1] === '/';
      const attributes = html.slice(at + 1 + (isClosing ? 1 : 0) + name.length, end);
      yield { kind: isClosing ? 'close' : 'open', name: name.toLowerCase(), attributes };
    }
    textFrom = end + (isComment ? 3 : 1);
    at = html.indexOf('<', textFrom);
  }
  if (textFrom < html.length) yield { kind: 'text', raw: html.slice(textFrom) };
}

const ENTITY = /&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});/g;
const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  emsp: ' ',
  ensp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
};
const MAX_CODE_POINT = 0x10ffff;

/** Resolves character references; unknown ones stay as written. */
export function decodeEntities(text: string): string {
  return text.replace(ENTITY, (whole, name: string) => {
    if (!name.startsWith('#')) return entryOf(NAMED_ENTITIES, name) ?? whole;
    const isHexadecimal = name[1] === 'x' || name[1] === 'X';
    const code = Number.parseInt(name.slice(isHexadecimal ? 2 : 1), isHexadecimal ? 16 : 10);
    return code > 0 && code <= MAX_CODE_POINT ? String.fromCodePoint(code) : whole;
  });
}

/** The words of HTML without its tags. */
export function plainText(html: string): string {
  let words = '';
  for (const token of scanHtml(html)) if (token.kind === 'text') words += token.raw;
  return decodeEntities(words)
    .replace(/[\u00a0\u202f]/g, ' ')
    .trim();
}

/** The address in the attributes of a link, as written. */
export function addressOf(attributes: string): string {
  const found = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes);
  return decodeEntities(found?.[1] ?? found?.[2] ?? '');
}
