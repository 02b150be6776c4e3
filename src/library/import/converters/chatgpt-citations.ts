import type { ContentPart } from '../../../protocol/conversation/content';
import { countOf, firstText, listOf, recordOf, recordsOf, textOf, type SourceRecord } from '../source-values';

/*
 * ChatGPT writes citations into the text as marks of private-use characters, `\uE200kind\uE202argument…\uE201`, and
 * describes them in `metadata.content_references`; older messages have marks such as 【3†source】 and `metadata.citations`.
 * Here marks become the words the product shows in their place, and citation parts that say where they stood.
 */

const MARK = /\uE200([^\uE200\uE201]*)\uE201/g;
const ARGUMENT_SEPARATOR = '\uE202';
/** Marks around highlighted words, and halves of broken marks: nothing to show. */
const STRAY_MARKS = /[\uE200-\uE206]/g;
const OLD_MARK = /【[^【】]{1,200}】/g;

/** Characters looked through for the marks of one text; real messages need some ten thousand. */
const MAX_SEARCHED_CHARACTERS = 100_000_000;

interface Source {
  readonly title: string | null;
  readonly uri: string | null;
  readonly text: string | null;
}

interface Replacement {
  readonly from: number;
  readonly to: number;
  readonly shown: string;
  readonly sources: readonly Source[];
}

interface Resolved {
  readonly parts: readonly ContentPart[];
  /** Marks that nothing in the message explains. */
  readonly unresolved: readonly string[];
}

/** Replaces the marks in the text parts of a message and adds a citation part for each source. */
export function resolveCitations(parts: readonly ContentPart[], metadata: SourceRecord): Resolved {
  const references = recordsOf(metadata['content_references']);
  const oldCitations = recordsOf(metadata['citations']);
  const unresolved: string[] = [];
  const citations: ContentPart[] = [];
  const texts = parts.map((part, partIndex): ContentPart => {
    if (part.type !== 'text' || !('text' in part) || typeof part.text !== 'string') return part;
    const replacements = [
      ...referenceReplacements(part.text, references),
      ...oldReplacements(part.text, oldCitations),
    ].sort((a, b) => a.from - b.from);
    const written = replaceAll(part.text, replacements, unresolved);
    for (const { source, start, end } of written.citations) {
      citations.push({
        type: 'citation',
        ...(source.title === null ? {} : { title: source.title }),
        ...(source.uri === null ? {} : { uri: source.uri.slice(0, 20_000) }),
        ...(source.text === null ? {} : { text: source.text }),
        part_index: partIndex,
        start,
        end,
      });
    }
    return written.text === part.text ? part : { ...part, text: written.text };
  });
  return { parts: [...texts, ...citations], unresolved };
}

function sourceOf(record: SourceRecord): Source | null {
  const title = firstText(record['title'], record['name'], record['attribution']);
  const uri = textOf(record['url']);
  return title === null && uri === null
    ? null
    : { title, uri, text: firstText(record['snippet'], record['text'], record['quote']) };
}

function sourcesOf(reference: SourceRecord): readonly Source[] {
  const listed = recordsOf(reference['items']).flatMap((item) => [
    sourceOf(item) ?? [],
    recordsOf(item['supporting_websites']).flatMap((site) => sourceOf(site) ?? []),
  ]);
  const items = listed.flat();
  if (items.length > 0) return items;
  const own = sourceOf(reference);
  if (own !== null) return [own];
  return listOf(reference['safe_urls']).flatMap((uri) =>
    typeof uri === 'string' ? [{ title: null, uri, text: null }] : [],
  );
}

function referenceReplacements(text: string, references: readonly SourceRecord[]): readonly Replacement[] {
  const found: Replacement[] = [];
  const most = Math.ceil(MAX_SEARCHED_CHARACTERS / (text.length + 1));
  const nextOf = new Map<string, number>();
  for (const reference of references.slice(0, most)) {
    const matched = textOf(reference['matched_text']);
    // A footnote lists what the marks cite already; its mark is a blank.
    if (matched === null || matched.trim() === '' || reference['type'] === 'sources_footnote') continue;
    const from = text.indexOf(matched, nextOf.get(matched) ?? 0);
    if (from === -1) continue;
    nextOf.set(matched, from + matched.length);
    const shown = textOf(reference['alt']) ?? shownForMark(matched) ?? '';
    found.push({ from, to: from + matched.length, shown, sources: sourcesOf(reference) });
  }
  return found;
}

function oldReplacements(text: string, citations: readonly SourceRecord[]): readonly Replacement[] {
  if (citations.length === 0) return [];
  const byPosition = new Map<number, SourceRecord>();
  for (const citation of citations) {
    const start = countOf(citation['start_ix']);
    if (start !== null) byPosition.set(start, citation);
  }
  const found: Replacement[] = [];
  let countedTo = 0;
  let codePoints = 0;
  for (const mark of text.matchAll(OLD_MARK)) {
    for (; countedTo < mark.index; countedTo += 1) {
      const code = text.charCodeAt(countedTo);
      if (code < 0xdc00 || code > 0xdfff) codePoints += 1;
    }
    // Positions count code points; texts without emoji have both the same.
    const citation = byPosition.get(mark.index) ?? byPosition.get(codePoints);
    const described = recordOf(citation?.['metadata']);
    const source = described === null ? null : sourceOf(described);
    if (source !== null)
      found.push({ from: mark.index, to: mark.index + mark[0].length, shown: '', sources: [source] });
  }
  return found;
}

interface Written {
  readonly text: string;
  readonly citations: readonly { readonly source: Source; readonly start: number; readonly end: number }[];
}

function replaceAll(text: string, replacements: readonly Replacement[], unresolved: string[]): Written {
  let written = '';
  let at = 0;
  const citations: { source: Source; start: number; end: number }[] = [];
  for (const { from, to, shown, sources } of replacements) {
    if (from < at) continue;
    written += withoutMarks(text.slice(at, from), unresolved);
    const start = written.length;
    written += shown.replace(STRAY_MARKS, '');
    for (const source of sources) citations.push({ source, start, end: written.length });
    at = to;
  }
  return { text: written + withoutMarks(text.slice(at), unresolved), citations };
}

function withoutMarks(text: string, unresolved: string[]): string {
  if (!/[\uE200-\uE206]/.test(text)) return text;
  return text
    .replace(MARK, (mark) => {
      const shown = shownForMark(mark);
      if (shown === null) unresolved.push(mark);
      return shown ?? '';
    })
    .replace(STRAY_MARKS, '');
}

/** The words inside a mark that carries its own: names of things and links. Null for pure references. */
function shownForMark(mark: string): string | null {
  const [kind, ...values] = mark.replace(/[\uE200\uE201]/g, '').split(ARGUMENT_SEPARATOR);
  const [first = '', second = ''] = values;
  if (kind === 'url') return second === '' ? first : `[${first}](${second})`;
  if (kind !== 'entity') return null;
  try {
    const described: unknown = JSON.parse(first);
    return textOf(listOf(described)[1]);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
