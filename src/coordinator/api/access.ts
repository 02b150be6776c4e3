import { createHash, timingSafeEqual } from 'node:crypto';

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** Checks the `Authorization` header against the coordinator's token, in a time that tells nothing about the token. */
export function createAccessCheck(accessToken: string | null): (authorization: string | undefined) => boolean {
  if (accessToken === null) return () => true;
  const expected = digest(accessToken);
  return (authorization) => {
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    return timingSafeEqual(digest(given ?? ''), expected) && given !== undefined;
  };
}
