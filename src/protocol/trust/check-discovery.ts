import { documentValidator } from '../documents/check-schema';
import type { ProblemList } from '../documents/problems';
import { checkAfter, checkTime, toEpochMs } from '../documents/time';
import { DiscoveryRecord, UnsignedDiscoveryRecord } from './discovery';

function checkDiscovery(record: UnsignedDiscoveryRecord | DiscoveryRecord, problems: ProblemList): void {
  const { challenge_policy: policy } = record;
  if (policy.accepts && (policy.quota === null || policy.quota === undefined)) {
    problems.add(['challenge_policy'], 'A node that accepts challenges says how many: "quota" is missing.');
  }
  checkTime(record.issued_at, ['issued_at'], problems);
  checkTime(record.expires_at, ['expires_at'], problems);
  checkAfter(record.issued_at, record.expires_at, ['expires_at'], 'The record expires before it is issued.', problems);
}

/** Checks that a value is a valid, signed discovery record (tore-0002). The signature itself is verified apart. */
export const validateDiscoveryRecord = documentValidator(DiscoveryRecord, 'discovery record', checkDiscovery);

/** Checks a discovery record that is about to be signed. */
export const validateUnsignedDiscoveryRecord = documentValidator(
  UnsignedDiscoveryRecord,
  'unsigned discovery record',
  checkDiscovery,
);

/** Whether a record is out of date at a time. */
export function isExpired(record: DiscoveryRecord, nowMs: number): boolean {
  return toEpochMs(record.expires_at) <= nowMs;
}
