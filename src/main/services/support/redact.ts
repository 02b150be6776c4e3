/** What is known to be private, beside what can be told by its form. */
export interface PrivateWords {
  readonly homeFolder: string;
  readonly userName: string;
  readonly hostName: string;
  /** Names, ids and addresses of this app's own: of the coordinator, the node, its keys. */
  readonly others: readonly string[];
}

/** Shorter names stand in too many words to be told from them. */
const MIN_NAME_LENGTH = 3;
/** Addresses of this computer itself say nothing about it. */
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1|localhost)$/i;

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const URL_PATTERN = /\b([a-z][a-z0-9+.-]*):\/\/([^\s"'<>\\]*[^\s"'<>\\,;.)\]}])/gi;
const EMAIL = /[\w.%+-]+@[\w-]+(?:\.[\w-]+)+/g;
/** Absolute paths of Unix; a path of one part is a route of HTTP, not a file. */
const UNIX_PATH = /(?<![\w.>)])\/([^\s/"'<>:|\\]+)\/[^\s"'<>:|\\,;)\]}]*/g;
/** Absolute paths of Windows and of its network shares, also with the doubled backslashes of JSON. */
const WINDOWS_PATH =
  /(?:\b[a-zA-Z]:|(?<![\w\\])\\{1,3}(?=\\))(?:\\{1,2}[^"'<>|:*?\\\r\n]+(?=\\))*(?:\\{1,2}[^\s"'<>|:*?\\,;)\]}]*)/g;
/** First parts of the coordinator's routes, whose further parts are words of the protocol or ids. */
const ROUTES: ReadonlySet<string> = new Set(
  'access agreements challenges discovery governance grid handshakes inference models nodes sessions shard shards tasks tokens'.split(
    ' ',
  ),
);
const IPV4 = /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/g;
const IPV6 = /(?<![\w:])(?:[\da-f]{0,4}:){2,7}[\da-f]{0,4}(?![\w:])/gi;
const UUID = /\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/gi;
const BEARER = /\b(bearer|basic)\s+[^\s"',;}]+/gi;
const CREDENTIAL =
  /\b(token|password|secret|api[-_]?key|authorization)(["']?\s*[:=]\s*["']?)(?!bearer\b|basic\b)[^\s"',;}]+/gi;
/** Keys, hashes and tokens: long runs of letters and digits that no word has. */
const LONG_CODE = /(?<![\w+/=-])(?=[\w+/=-]*\d)[\w+/=-]{20,}/g;

/**
 * Takes out of a text what may name a person, a computer or a secret. The same id is the same number throughout, so that
 * one can still follow it. Words of the app's own sentences stay.
 */
export class Redactor {
  readonly #places: readonly [RegExp, string][];
  readonly #names: readonly [RegExp, string][];
  readonly #ids = new Map<string, string>();

  constructor({ homeFolder, userName, hostName, others }: PrivateWords) {
    const known = (text: string, mark: string): [RegExp, string][] =>
      text.length < MIN_NAME_LENGTH
        ? []
        : [[new RegExp(`(?<![\\p{L}\\d])${escaped(text)}(?![\\p{L}\\d])`, 'giu'), mark]];
    const longestFirst = [...others].sort((left, right) => right.length - left.length);
    this.#places = [
      ...longestFirst.filter((text) => !isLoopback(text)).flatMap((text) => known(text, '<private>')),
      ...known(homeFolder, '<home>'),
      // In JSON backslashes are doubled.
      ...known(homeFolder.replaceAll('\\', '\\\\'), '<home>'),
    ];
    // A computer is often named after its person.
    this.#names = [...known(hostName, '<computer>'), ...known(userName, '<user>')];
  }

  redact(text: string): string {
    let clean = text;
    for (const [pattern, mark] of this.#places) clean = clean.replaceAll(pattern, mark);
    clean = clean
      .replaceAll(URL_PATTERN, (whole, scheme: string, rest: string) => this.#address(whole, scheme, rest))
      .replaceAll(BEARER, (_whole, scheme: string) => `${scheme} <secret>`)
      .replaceAll(CREDENTIAL, (_whole, name: string, between: string) => `${name}${between}<secret>`)
      .replaceAll(EMAIL, '<email>')
      .replaceAll(UUID, (id) => this.#id(id))
      .replaceAll(/<home>[^\s"'<>,;)\]}]*/g, '<path>')
      .replaceAll(WINDOWS_PATH, '<path>')
      .replaceAll(UNIX_PATH, (path, first: string) => (ROUTES.has(first) ? path : '<path>'));
    for (const [pattern, mark] of this.#names) clean = clean.replaceAll(pattern, mark);
    return clean
      .replaceAll(LONG_CODE, (code) => this.#id(code))
      .replaceAll(IPV4, (address) => (LOOPBACK.test(address) || isVersion(address) ? address : '<address>'))
      .replaceAll(IPV6, (address) => (isIpv6(address) ? '<address>' : address));
  }

  #address(whole: string, scheme: string, rest: string): string {
    if (scheme.toLowerCase() === 'app') return whole;
    const host = /^(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)/.exec(rest)?.[1] ?? '';
    if (!LOOPBACK.test(host.replaceAll(/[[\]]/g, ''))) return `${scheme}://<address>`;
    return `${scheme}://${host}${/:\d+/.exec(rest.slice(rest.indexOf(host) + host.length))?.[0] ?? ''}`;
  }

  #id(id: string): string {
    const known = this.#ids.get(id.toLowerCase());
    if (known !== undefined) return known;
    const mark = `<id-${this.#ids.size + 1}>`;
    this.#ids.set(id.toLowerCase(), mark);
    return mark;
  }
}

function isLoopback(text: string): boolean {
  if (text === '') return true;
  const host = URL.canParse(text) ? new URL(text).hostname : text;
  return LOOPBACK.test(host.replaceAll(/[[\]]/g, ''));
}

/** Four numbers of which one is above 255 are no address. */
function isVersion(text: string): boolean {
  return text.split('.').some((part) => Number(part) > 255);
}

/** Times of day look like addresses; those have at least two groups of letters or an empty one. */
function isIpv6(text: string): boolean {
  return text !== '::1' && text !== '::' && (text.includes('::') || text.split(':').length === 8);
}
