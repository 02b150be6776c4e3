/**
 * Starting table of capabilities, domain → subdomains, so that two programs that never met use the same words for the
 * same thing. The taxonomy is open: readers accept and keep every other value (tore-0002).
 */
export const CAPABILITY_TAXONOMY: Readonly<Record<string, readonly string[]>> = {
  language: ['conversation', 'writing', 'summarization', 'translation', 'extraction', 'classification'],
  code: ['generation', 'review', 'explanation', 'testing', 'translation'],
  reasoning: ['general', 'mathematics', 'logic', 'planning'],
  science: ['physics', 'chemistry', 'biology', 'earth', 'astronomy'],
  medicine: ['clinical', 'pharmacology', 'imaging', 'public_health'],
  engineering: ['mechanical', 'electrical', 'civil', 'software'],
  humanities: ['history', 'philosophy', 'linguistics', 'arts'],
  law: ['research', 'contracts', 'regulation'],
  business: ['finance', 'accounting', 'marketing', 'operations'],
  education: ['tutoring', 'assessment', 'curriculum'],
  vision: ['description', 'recognition', 'documents'],
  audio: ['transcription', 'speech', 'music'],
  data: ['analysis', 'statistics', 'visualization'],
  retrieval: ['search', 'embeddings', 'question_answering'],
  tools: ['function_calling', 'agents'],
};

/** Whether a pair is in the starting table; a pair that is not is as valid, only without a translated name. */
export function isListedCapability(domain: string, subdomain: string): boolean {
  return Object.hasOwn(CAPABILITY_TAXONOMY, domain) && (CAPABILITY_TAXONOMY[domain] ?? []).includes(subdomain);
}
