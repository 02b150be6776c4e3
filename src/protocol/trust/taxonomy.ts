import table from '../../../resources/taxonomy/capabilities.json';

/** One word of the table with the title people read. */
export interface TaxonomyEntry {
  readonly id: string;
  /** In English. */
  readonly title: string;
  /** In other languages, by language code. */
  readonly translations?: Readonly<Record<string, string>>;
}

/** A domain with its subdomains. */
export interface TaxonomyDomain extends TaxonomyEntry {
  readonly subdomains: readonly TaxonomyEntry[];
}

/**
 * Starting table of capabilities, so that two programs that never met use the same words for the same thing. The
 * taxonomy is open: readers accept, keep and show every other value (tore-0002). `resources/taxonomy/README.md` says how
 * the table is extended.
 */
export const CAPABILITY_TAXONOMY: readonly TaxonomyDomain[] = table.domains;

/** A word of the taxonomy for people: `public_health` becomes `Public health`. */
function readable(term: string): string {
  const words = term.replaceAll('_', ' ').trim();
  return words === '' ? term : words.charAt(0).toUpperCase() + words.slice(1);
}

function titleOf(entry: TaxonomyEntry | undefined, language: string): string | undefined {
  return entry?.translations?.[language] ?? entry?.title;
}

/** Title of a domain in a language; one that is not in the table is shown as it is written. */
export function domainTitle(domain: string, language: string): string {
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === domain);
  return titleOf(known, language) ?? readable(domain);
}

/** Title of a subdomain in a language; one that is not in the table is shown as it is written. */
export function subdomainTitle(domain: string, subdomain: string, language: string): string {
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === domain)?.subdomains;
  const entry = known?.find(({ id }) => id === subdomain);
  return titleOf(entry, language) ?? readable(subdomain);
}

/** Whether a pair is in the starting table; a pair that is not is as valid, only without a title of its own. */
export function isListedCapability(domain: string, subdomain: string): boolean {
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === domain)?.subdomains;
  return known?.some(({ id }) => id === subdomain) ?? false;
}
