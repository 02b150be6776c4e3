import table from '../../../resources/taxonomy/capabilities.json';

/** One word of the table with the title people read. */
export interface TaxonomyEntry {
  readonly id: string;
  readonly title: string;
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

/** Whether a pair is in the starting table; a pair that is not is as valid, only without a title of its own. */
export function isListedCapability(domain: string, subdomain: string): boolean {
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === domain)?.subdomains;
  return known?.some(({ id }) => id === subdomain) ?? false;
}
