/** Characters that a file system refuses, and those that lead elsewhere. */
const REFUSED = /[\p{Cc}<>:"/\\|?*]/gu;
/** Names Windows keeps for devices, whatever their ending. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;
/** Bytes of a name that every file system takes, with room for a number and an ending. */
const MAX_BYTES = 120;

function clean(title: string): string {
  let name = title
    .replace(REFUSED, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^[. ]+|[. ]+$/g, '');
  while (Buffer.byteLength(name) > MAX_BYTES) name = [...name].slice(0, -1).join('');
  name = name.trim();
  return name === '' || DEVICE.test(name) ? 'conversation' : name;
}

/** Gives titles names as files, each once, also where a file system does not tell upper from lower case. */
export class FileNames {
  readonly #taken = new Set<string>();

  unique(title: string, ending: string): string {
    const base = clean(title.slice(0, 1_000));
    let name = `${base}${ending}`;
    for (let copy = 2; this.#taken.has(name.toLowerCase()); copy += 1) name = `${base} (${copy})${ending}`;
    this.#taken.add(name.toLowerCase());
    return name;
  }
}

/** A title as the name of a file. */
export function exportFileName(title: string, ending: string): string {
  return new FileNames().unique(title, ending);
}
