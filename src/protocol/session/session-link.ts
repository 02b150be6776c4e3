import { failure, success, type Result } from '../result';

/*
 * A link to a session, as it is sent to somebody: tore://session/<session id>?host=<address>&code=<code>. It says where the
 * session is and holds the code of an invitation, or none for a party of the session's agreement. Opening it asks first.
 */

export interface SessionLink {
  readonly sessionId: string;
  /** Address of the coordinator that hosts the session. */
  readonly hostUrl: string;
  readonly code: string | null;
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const CODE_PATTERN = /^[0-9a-z-]{4,100}$/i;
const MAX_LINK_LENGTH = 4_000;
const PREFIX = 'tore://session/';

/** Writes a link. */
export function writeSessionLink({ sessionId, hostUrl, code }: SessionLink): string {
  const query = [`host=${encodeURIComponent(hostUrl)}`, ...(code === null ? [] : [`code=${encodeURIComponent(code)}`])];
  return `${PREFIX}${sessionId}?${query.join('&')}`;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Only web addresses without a name or password in them: a link must not point this computer anywhere else. */
function isHostAddress(address: string): boolean {
  return /^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/i.test(address);
}

/** Reads a link from anywhere. Nothing is opened. */
export function readSessionLink(text: string): Result<SessionLink, 'link-invalid'> {
  const link = text.trim();
  const invalid = failure('link-invalid' as const, 'This is not a link to a session.', {
    suggestion: 'Paste the whole link, beginning with tore://session/.',
  });
  if (link.length > MAX_LINK_LENGTH || !link.toLowerCase().startsWith(PREFIX)) return invalid;
  const [path = '', query = ''] = link.slice(PREFIX.length).split('?', 2);
  const sessionId = path.replace(/\/$/, '').toLowerCase();
  const fields = new Map(
    query.split('&').map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      return [name, decoded(value)];
    }),
  );
  const hostUrl = fields.get('host') ?? null;
  const code = fields.get('code') ?? null;
  if (!UUID_PATTERN.test(sessionId) || hostUrl === null || !isHostAddress(hostUrl)) return invalid;
  if (code !== null && !CODE_PATTERN.test(code)) return invalid;
  return success({ sessionId, hostUrl, code });
}
