import { timestampOf, type Clock, type Random } from '../clock';
import type { Database } from '../storage/database-schema';
import { secretHash } from './secrets';

const TOKEN_BYTES = 32;
/** Begins every session token, so that it is told from an access token, and found by scanners for leaked secrets. */
export const SESSION_TOKEN_PREFIX = 'tore-session-';

/** Short sessions and used nonces, in the database so that every replica and a restarted coordinator know them. */
export class SessionStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** Opens a session for a key; the token is known to its bearer alone. */
  async open(publicKey: string, lifetimeMs: number): Promise<{ readonly token: string; readonly expiresAt: string }> {
    const token = SESSION_TOKEN_PREFIX + Buffer.from(this.random.bytes(TOKEN_BYTES)).toString('base64url');
    const nowMs = this.clock.nowMs();
    const expiresAt = timestampOf(nowMs + lifetimeMs);
    await this.database
      .insertInto('access_sessions')
      .values({
        token_hash: secretHash(token),
        public_key: publicKey,
        created_at: timestampOf(nowMs),
        expires_at: expiresAt,
      })
      .execute();
    return { token, expiresAt };
  }

  /** The key behind a token, or null when the session is unknown or over. */
  async keyOf(token: string): Promise<string | null> {
    const row = await this.database
      .selectFrom('access_sessions')
      .select('public_key')
      .where('token_hash', '=', secretHash(token))
      .where('expires_at', '>', timestampOf(this.clock.nowMs()))
      .executeTakeFirst();
    return row?.public_key ?? null;
  }

  async end(token: string): Promise<void> {
    await this.database.deleteFrom('access_sessions').where('token_hash', '=', secretHash(token)).execute();
  }

  /** Ends every session of a key, when it was shut out. */
  async endAllOf(publicKey: string): Promise<void> {
    await this.database.deleteFrom('access_sessions').where('public_key', '=', publicKey).execute();
  }

  /** Notes a nonce as used. False when this key used it before: the request is a replay. */
  async useNonce(publicKey: string, nonce: string, keepUntilMs: number): Promise<boolean> {
    const inserted = await this.database
      .insertInto('access_nonces')
      .values({ public_key: publicKey, nonce, expires_at: timestampOf(keepUntilMs) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n;
  }

  /** Forgets what is over. */
  async sweep(): Promise<void> {
    const now = timestampOf(this.clock.nowMs());
    await this.database.deleteFrom('access_sessions').where('expires_at', '<=', now).execute();
    await this.database.deleteFrom('access_nonces').where('expires_at', '<=', now).execute();
  }
}
