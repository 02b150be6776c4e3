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

class MarkdownWriter {
  #text = '';
  readonly #lists: { ordered: boolean; count: number }[] = [];
  readonly #links: (string | null)[] = [];
  #isPreformatted = false;
  #silent: string | null = null;

  get text(): string {
    const lines = this.#text.split('\n').map((line) => line.trimEnd());
    return lines
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim();
  }

  words(raw: string): void {
    if (this.#silent !== null) return;
    const text = decodeEntities(raw);
    this.#text += this.#isPreformatted
      ? text
      : text.replace(/[ \t\r\n]+/g, ' ').replace(/^ (?=.)/, this.#leadingSpace());
  }

  #leadingSpace(): string {
    return this.#text === '' || /\s$/.test(this.#text) ? '' : ' ';
  }

  open(name: string, attributes: string): void {
    if (this.#silent !== null) return;
    if (SILENT.has(name)) this.#silent = name;
    else if (name === 'br') this.#text += '\n';
    else if (name === 'hr') this.#text += '\n\n---\n\n';
    else if (/^h[1-6]$/.test(name)) this.#text += `\n\n${'#'.repeat(Number(name[1]))} `;
    else if (name === 'li') this.#item();
    else if (name === 'td' || name === 'th') this.#text += '| ';
    else if (name === 'a') this.#link(attributes);
    else if (BLOCKS.has(name)) this.#block(name);
    else if (!this.#isPreformatted) this.#text += entryOf(WRAPPERS, name) ?? '';
  }

  close(name: string): void {
    if (this.#silent !== null) {
      if (this.#silent === name) this.#silent = null;
      return;
    }
    if (name === 'pre' && this.#isPreformatted) {
      this.#isPreformatted = false;
      this.#text = `${this.#text.replace(/\n$/, '')}\n\`\`\`\n\n`;
    } else if (name === 'ul' || name === 'ol') {
      this.#lists.pop();
      this.#text += '\n';
    } else if (name === 'a') {
      const address = this.#links.pop() ?? null;
      if (address !== null) this.#text += `](${address})`;
    } else if (name === 'td' || name === 'th') this.#text += ' ';
    else if (name === 'li') this.#text += '\n';
    else if (/^h[1-6]$/.test(name) || BLOCKS.has(name)) this.#text += name === 'tr' ? '|\n' : '\n\n';
    else if (!this.#isPreformatted) this.#text += entryOf(WRAPPERS, name) ?? '';
  }

  #block(name: string): void {
    if (name === 'ul' || name === 'ol') this.#lists.push({ ordered: name === 'ol', count: 0 });
    this.#text += name === 'tr' ? '\n' : '\n\n';
    if (name === 'blockquote') this.#text += '> ';
    if (name === 'pre') {
      this.#isPreformatted = true;
      this.#text += '```\n';
    }
  }

  #item(): void {
    const list = this.#lists.at(-1);
    if (list !== undefined) list.count += 1;
    const mark = list?.ordered === true ? `${list.count}. ` : '- ';
    this.#text += `\n${'  '.repeat(Math.max(0, this.#lists.length - 1))}${mark}`;
  }

  #link(attributes: string): void {
    const address = webAddress(attributes);
    this.#links.push(address);
    if (address !== null) this.#text += '[';
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
