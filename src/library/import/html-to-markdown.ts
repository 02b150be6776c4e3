import { entryOf } from './source-values';
import { addressOf, decodeEntities, scanHtml } from './scan-html';

/*
 * Turns the small HTML of product exports into Markdown text. It is a reader of tags, not a renderer: nothing is run,
 * loaded or kept but words, emphasis, code, lists, headings, tables' cells and the addresses of web links.
 */

const BLOCKS = new Set(['p', 'div', 'section', 'blockquote', 'table', 'ul', 'ol', 'pre', 'tr']);
const SILENT = new Set(['script', 'style', 'head', 'title', 'template']);
const WRAPPERS: Readonly<Record<string, string>> = { strong: '**', b: '**', em: '*', i: '*', code: '`', del: '~~' };

/** A web address behind a link, or null for anything a program could be hidden in. */
function webAddress(attributes: string): string | null {
  const address = addressOf(attributes);
  return /^https?:\/\//i.test(address) ? address : null;
}

/** Lists inside each other that are indented further; a line would have more spaces than words beyond it. */
const MAX_INDENTED_LISTS = 20;

class MarkdownWriter {
  /** What was written, joined at the end: looking at all of it for each word would take for ever. */
  readonly #pieces: string[] = [];
  readonly #lists: { ordered: boolean; count: number }[] = [];
  readonly #links: (string | null)[] = [];
  #isPreformatted = false;
  #silent: string | null = null;

  get text(): string {
    const lines = this.#pieces
      .join('')
      .split('\n')
      .map((line) => line.trimEnd());
    return lines
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim();
  }

  words(raw: string): void {
    if (this.#silent !== null) return;
    const text = decodeEntities(raw);
    this.#write(
      this.#isPreformatted ? text : text.replace(/[ \t\r\n]+/g, ' ').replace(/^ (?=.)/, this.#leadingSpace()),
    );
  }

  #write(piece: string): void {
    if (piece !== '') this.#pieces.push(piece);
  }

  #leadingSpace(): string {
    const last = this.#pieces.at(-1)?.at(-1);
    return last === undefined || /\s/.test(last) ? '' : ' ';
  }

  open(name: string, attributes: string): void {
    if (this.#silent !== null) return;
    if (SILENT.has(name)) this.#silent = name;
    else if (name === 'br') this.#write('\n');
    else if (name === 'hr') this.#write('\n\n---\n\n');
    else if (/^h[1-6]$/.test(name)) this.#write(`\n\n${'#'.repeat(Number(name[1]))} `);
    else if (name === 'li') this.#item();
    else if (name === 'td' || name === 'th') this.#write('| ');
    else if (name === 'a') this.#link(attributes);
    else if (BLOCKS.has(name)) this.#block(name);
    else if (!this.#isPreformatted) this.#write(entryOf(WRAPPERS, name) ?? '');
  }

  close(name: string): void {
    if (this.#silent !== null) {
      if (this.#silent === name) this.#silent = null;
      return;
    }
    if (name === 'pre' && this.#isPreformatted) {
      this.#isPreformatted = false;
      const last = this.#pieces.pop() ?? '';
      this.#write(last.replace(/\n$/, ''));
      this.#write('\n```\n\n');
    } else if (name === 'ul' || name === 'ol') {
      this.#lists.pop();
      this.#write('\n');
    } else if (name === 'a') {
      const address = this.#links.pop() ?? null;
      if (address !== null) this.#write(`](${address})`);
    } else if (name === 'td' || name === 'th') this.#write(' ');
    else if (name === 'li') this.#write('\n');
    else if (/^h[1-6]$/.test(name) || BLOCKS.has(name)) this.#write(name === 'tr' ? '|\n' : '\n\n');
    else if (!this.#isPreformatted) this.#write(entryOf(WRAPPERS, name) ?? '');
  }

  #block(name: string): void {
    if (name === 'ul' || name === 'ol') this.#lists.push({ ordered: name === 'ol', count: 0 });
    this.#write(name === 'tr' ? '\n' : '\n\n');
    if (name === 'blockquote') this.#write('> ');
    if (name === 'pre') {
      this.#isPreformatted = true;
      this.#write('```\n');
    }
  }

  #item(): void {
    const list = this.#lists.at(-1);
    if (list !== undefined) list.count += 1;
    const mark = list?.ordered === true ? `${list.count}. ` : '- ';
    this.#write(`\n${'  '.repeat(Math.min(MAX_INDENTED_LISTS, Math.max(0, this.#lists.length - 1)))}${mark}`);
  }

  #link(attributes: string): void {
    const address = webAddress(attributes);
    this.#links.push(address);
    if (address !== null) this.#write('[');
  }
}

/** The words of an HTML fragment as Markdown. Unclosed and stray tags are taken as they come. */
export function htmlToMarkdown(html: string): string {
  const writer = new MarkdownWriter();
  for (const token of scanHtml(html)) {
    if (token.kind === 'text') writer.words(token.raw);
    else if (token.kind === 'open') writer.open(token.name, token.attributes);
    else writer.close(token.name);
  }
  return writer.text;
}
