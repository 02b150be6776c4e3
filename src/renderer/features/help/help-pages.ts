import type { Language } from '../../../contract';
import { foldForSearch } from '../../format/fold';
import { HELP_TOPICS, type HelpTopic } from '../../stores/ui-store';

/** The pages come with the app: help needs no network. */
const FILES = import.meta.glob<string>('../../../../resources/help/*/*.md', {
  query: '?raw',
  import: 'default',
  eager: true,
});

export interface HelpPage {
  readonly topic: HelpTopic;
  readonly title: string;
  /** Markdown below the title. */
  readonly text: string;
}

/** Splits a page's first line, its title, from the rest. */
function readPage(topic: HelpTopic, language: Language): HelpPage {
  const source = FILES[`../../../../resources/help/${language}/${topic}.md`] ?? '';
  const end = source.indexOf('\n');
  return { topic, title: source.slice(0, end).replace(/^# /, ''), text: source.slice(end + 1).trim() };
}

/** All pages in a language, in the order of reading. */
export function helpPages(language: Language): readonly HelpPage[] {
  return HELP_TOPICS.map((topic) => readPage(topic, language));
}

/** Pages that hold every word; those that have one in the title first. */
export function findPages(pages: readonly HelpPage[], query: string): readonly HelpPage[] {
  const words = foldForSearch(query).split(/\s+/).filter(Boolean);
  const inTitle = ({ title }: HelpPage): number => (words.some((word) => foldForSearch(title).includes(word)) ? 0 : 1);
  return pages
    .filter(({ title, text }) => {
      const page = foldForSearch(`${title} ${text}`);
      return words.every((word) => page.includes(word));
    })
    .toSorted((left, right) => (words.length === 0 ? 0 : inTitle(left) - inTitle(right)));
}
