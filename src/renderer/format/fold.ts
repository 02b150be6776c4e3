/** Brings a text to the form in which searches compare it: without case, accents and the Turkish difference of i and ı. */
export function foldForSearch(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Diacritic}/gu, '')
    .replaceAll('ı', 'i');
}
