import { wellFormed } from '../store/search-text';

/** Characters that a file system refuses, and those that lead elsewhere. */
const REFUSED = /[\p{Cc}<>:"/\\|?*]/gu;
/** Names Windows keeps for devices, whatever their ending; it reads superscript digits as digits. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|$)/i;
/** Bytes of a name that every file system takes, with room for a number and an ending. */
const MAX_BYTES = 120;

function clean(title: string): string {
  // One form for names that file systems take for the same.
  let name = wellFormed(title)
    .normalize('NFC')
    .replace(REFUSED, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^[. ]+|[. ]+$/g, '');
  while (Buffer.byteLength(name) > MAX_BYTES) name = [...name].slice(0, -1).join('');
  // What was cut may end with a dot, which Windows leaves out.
  name = name.replace(/[. ]+$/, '');
  if (name === '') return 'conversation';
  return DEVICE.test(name) ? `_${name}` : name;
}

/** Gives titles names as files, each once, also where a file system does not tell upper from lower case. */
export class FileNames {
  readonly #taken = new Set<string>();
  /** The number to try next behind a name. */
  readonly #nextCopy = new Map<string, number>();

  /** Names for one title, the plainest first, for a writer that may find some of them taken. */
  *candidates(title: string, ending: string): Generator<string> {
    const base = clean(title.slice(0, 1_000));
    const key = `${base}${ending}`.toLowerCase();
    for (let copy = this.#nextCopy.get(key) ?? 1; ; copy += 1) {
      const name = copy === 1 ? `${base}${ending}` : `${base} (${copy})${ending}`;
      if (this.#taken.has(name.toLowerCase())) continue;
      this.#taken.add(name.toLowerCase());
      this.#nextCopy.set(key, copy + 1);
      yield name;
    }
  }

  unique(title: string, ending: string): string {
    return firstOf(this.candidates(title, ending));
  }
}

/** The first of endlessly many names. */
export function firstOf(names: Iterable<string>): string {
  for (const name of names) return name;
  throw new Error('there is always another name');
}

/** A title as the name of a file. */
export function exportFileName(title: string, ending: string): string {
  return new FileNames().unique(title, ending);
}
