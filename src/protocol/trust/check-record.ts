import { utf8Bytes } from '../documents/utf-8';
import { toEpochMs } from '../documents/time';
import type { Ed25519 } from '../signing/ed25519';
import { verifyDiscoveryRecord } from '../signing/verify-document';
import { validateDiscoveryRecord } from './check-discovery';
import type { DiscoveryRecord } from './discovery';
import { refuseTrust, type TrustResult } from './errors';
import { boundedCanonicalJson } from './statement';
import { TRUST_LIMITS } from './trust-limits';

/**
 * Reads a discovery record that a stranger offers: form, size, signature, and that it is in date. Nothing in it is fetched.
 */
export function readOfferedRecord(value: unknown, ed25519: Ed25519, nowMs: number): TrustResult<DiscoveryRecord> {
  const text = boundedCanonicalJson(value);
  if (!text.ok) return text;
  if (utf8Bytes(text.value) > TRUST_LIMITS.maxRecordBytes) {
    const limit = TRUST_LIMITS.maxRecordBytes.toLocaleString('en-US');
    return refuseTrust('message-too-large', `This record is larger than ${limit} bytes.`);
  }
  const valid = validateDiscoveryRecord(value);
  if (!valid.ok) return refuseTrust('message-invalid', valid.error.message);
  const record = valid.value;
  const verified = verifyDiscoveryRecord(record, ed25519);
  if (!verified.ok) return refuseTrust('signature-wrong', verified.error.message);
  const [issuedMs, expiresMs] = [toEpochMs(record.issued_at), toEpochMs(record.expires_at)];
  if (issuedMs > nowMs + TRUST_LIMITS.maxClockSkewMs) {
    return refuseTrust(
      'message-from-future',
      `The record says it was issued at ${record.issued_at}, which is not yet.`,
      {
        suggestion: 'Check the clocks of both computers.',
      },
    );
  }
  if (expiresMs <= nowMs) {
    return refuseTrust('message-expired', `The record expired at ${record.expires_at}.`, {
      suggestion: 'Its node renews it.',
    });
  }
  if (expiresMs - issuedMs > TRUST_LIMITS.maxRecordLifetimeMs) {
    return refuseTrust('message-invalid', 'A record is issued for at most 400 days.');
  }
  return { ok: true, value: record };
}
