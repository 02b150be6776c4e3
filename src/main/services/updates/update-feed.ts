import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { success, type Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';

/** A description of a release has a few hundred bytes. */
const MAX_FEED_BYTES = 100_000;
const TIMEOUT_MS = 30_000;
const VERSION = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-([0-9a-z.-]{1,50}))?$/i;

/** What electron-builder writes about a release; the signature covers the bytes of the file. */
const ReleaseFile = Type.Object({
  version: Type.String({ pattern: VERSION.source, maxLength: 80 }),
  files: Type.Array(
    Type.Object({ url: Type.String({ maxLength: 1_000 }), sha512: Type.String({ minLength: 80, maxLength: 100 }) }),
    { minItems: 1, maxItems: 20 },
  ),
  stagingPercentage: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
});
export type Release = Static<typeof ReleaseFile>;

/** Where updates come from and who signs them: `update-feed.json` of the package. */
export const FeedDocument = Type.Object({
  url: Type.Union([Type.String({ minLength: 1, maxLength: 1_000 }), Type.Null()]),
  publicKey: Type.Union([Type.String({ minLength: 1, maxLength: 2_000 }), Type.Null()]),
});

export interface Feed {
  readonly url: string;
  readonly key: KeyObject;
}

/** Reads where updates come from; null where the package names nobody, or somebody without a usable key. */
export function readFeed(document: unknown): Feed | null {
  if (!Value.Check(FeedDocument, document) || document.url === null || document.publicKey === null) return null;
  try {
    const key = createPublicKey(document.publicKey);
    const isSafe =
      document.url.startsWith('https://') || /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(document.url);
    return key.asymmetricKeyType === 'ed25519' && isSafe ? { url: document.url.replace(/\/?$/, '/'), key } : null;
  } catch {
    // Not a key: such a package updates from nowhere.
    return null;
  }
}

/** Name of the file that describes the newest release of a channel, as electron-builder writes it. */
export function feedFile(channel: string, platform: NodeJS.Platform, arch: string): string {
  if (platform === 'darwin') return `${channel}-mac.yml`;
  if (platform !== 'linux') return `${channel}.yml`;
  return arch === 'x64' ? `${channel}-linux.yml` : `${channel}-linux-${arch}.yml`;
}

type Fetch = (address: string, options: RequestInit) => Promise<Response>;

async function readBytes(fetchAddress: Fetch, address: string): Promise<Result<Buffer>> {
  try {
    const answer = await fetchAddress(address, {
      redirect: 'error',
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok || answer.body === null) {
      return mainFailure('update-failed', `The server of updates answered ${answer.status}.`, { retryable: true });
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > MAX_FEED_BYTES) return mainFailure('update-refused', 'What the server of updates sends is too long.');
      parts.push(part);
    }
    return success(Buffer.concat(parts));
  } catch (thrown) {
    return mainFailure('update-failed', `The server of updates could not be asked: ${reasonOf(thrown)}.`, {
      retryable: true,
    });
  }
}

/** Reads the newest release of a channel. Nothing of it is looked at before its signature was found right. */
export async function readRelease(feed: Feed, file: string, fetchAddress: Fetch): Promise<Result<Release>> {
  const text = await readBytes(fetchAddress, feed.url + file);
  if (!text.ok) return text;
  const signature = await readBytes(fetchAddress, `${feed.url}${file}.sig`);
  if (!signature.ok) return signature;
  const bytes = Buffer.from(signature.value.toString('latin1').trim(), 'base64');
  if (bytes.length !== 64 || !verify(null, text.value, feed.key, bytes)) {
    return mainFailure('update-refused', 'The news of an update are not signed by the makers of this app.', {
      suggestion: 'Nothing was fetched. If it stays so, install a new version by hand from where you got this one.',
    });
  }
  try {
    const release: unknown = parse(text.value.toString('utf8'), { maxAliasCount: 0 });
    if (Value.Check(ReleaseFile, release)) return success(release);
  } catch {
    // As wrong as one that lacks a field.
  }
  return mainFailure('update-refused', 'The news of an update cannot be read, although they are signed.');
}

/** Whether a version is later than another; releases come after their own pre-releases. */
export function isNewer(version: string, than: string): boolean {
  const [left, right] = [VERSION.exec(version), VERSION.exec(than)];
  if (left === null || right === null) return false;
  for (const place of [1, 2, 3]) {
    const difference = Number(left[place]) - Number(right[place]);
    if (difference !== 0) return difference > 0;
  }
  const [leftStage, rightStage] = [left[4], right[4]];
  if (leftStage === undefined || rightStage === undefined) return leftStage === undefined && rightStage !== undefined;
  return leftStage.localeCompare(rightStage, 'en', { numeric: true }) > 0;
}

/**
 * Whether this installation belongs to those that get a release first. Everybody's place is fixed for a version and
 * another one for the next, so that nobody is always the first.
 *
 * @param installationId - a random text of this installation, which leaves it never
 */
export function isInStage(installationId: string, { version, stagingPercentage = 100 }: Release): boolean {
  const hash = createHash('sha256').update(`${installationId}\n${version}`).digest();
  return (hash.readUInt32BE(0) / 2 ** 32) * 100 < stagingPercentage;
}
