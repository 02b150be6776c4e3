import { foldForSearch } from '../../format/fold';

/** What of a setting can be searched. */
export interface SearchableSetting {
  readonly title: string;
  readonly hint: string;
  /** Other words people use for it. */
  readonly keywords: string;
}

/** Whether every word of the query occurs in the setting's texts, in any order and case. */
export function matchesSetting(setting: SearchableSetting, query: string): boolean {
  const text = foldForSearch(`${setting.title} ${setting.hint} ${setting.keywords}`);
  return foldForSearch(query)
    .split(/\s+/)
    .every((word) => text.includes(word));
}
