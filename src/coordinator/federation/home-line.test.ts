import { expect, it } from 'vitest';
import { nodeCryptography } from '../../keys/ed25519';
import { testParty } from '../../keys/testing/test-party';
import type { FederationDraft } from '../../protocol/federation/messages';
import { readCredential } from '../../protocol/federation/session-credential';
import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import { HomeLine } from './home-line';

const MINUTE_MS = 60_000;
const { signer } = testParty(1, 'A');
const who = {
  agreementId: 'agreement',
  sessionId: '01957000-0000-7000-8000-0000000000d1',
  publicKey: testParty(2, 'Guest').signer.publicKey,
  displayName: 'Guest',
};
const exit = { type: 'session-exit', session_id: who.sessionId } as const;

function lineOf() {
  const sent: FederationDraft[] = [];
  const clock = { atMs: Date.parse('2026-03-01T12:00:00.000Z'), nowMs: () => clock.atMs };
  const link = {
    stands: true,
    send: (draft: FederationDraft) => {
      sent.push(draft);
      return Promise.resolve(true);
    },
  };
  return { sent, clock, link, line: new HomeLine({ name: 'B' }, link, signer, clock) };
}

const typesOf = (sent: readonly FederationDraft[]): string[] => sent.map(({ type }) => type);

it('vouches before the first call, and anew before the time is over while the participant is there', async () => {
  const { line, sent, clock } = lineOf();
  const answer = line.call(who, exit);
  line.take({ type: 'session-reply', sequence: 1, call_id: 1, result: { ok: true, value: null } });
  expect(await answer).toEqual({ ok: true, value: null });
  expect(typesOf(sent)).toEqual(['session-vouch', 'session-call']);
  line.renew(() => true);
  expect(sent).toHaveLength(2);

  clock.atMs += 21 * MINUTE_MS;
  line.renew(() => false);
  expect(sent).toHaveLength(2);
  line.renew(() => true);
  expect(typesOf(sent).slice(2)).toEqual(['session-vouch']);
  const [, , renewed] = sent;
  const read = readCredential(renewed?.type === 'session-vouch' ? renewed.credential : null, nodeCryptography);
  expect(read).toMatchObject({ ok: true, value: { issued_by: signer.publicKey, public_key: who.publicKey } });
  expect(read.ok && Date.parse(read.value.expires_at) - clock.atMs).toBe(SESSION_LINK_LIMITS.credentialMs);
  // Another name is another credential.
  line.signal(
    { ...who, displayName: 'Guest of A' },
    { type: 'session-typing', session_id: who.sessionId, typing: true },
  );
  expect(typesOf(sent).slice(3)).toEqual(['session-vouch', 'session-signal']);
});

it('vouches anew for whom the host no longer has a seat, and for nobody else', async () => {
  const { line, sent } = lineOf();
  const other = { ...who, publicKey: testParty(3, 'Other').signer.publicKey };
  const answers = [line.call(who, exit), line.call(other, exit)];
  const error = { code: 'session-unvouched', message: 'No credential was shown.', retryable: true };
  line.take({ type: 'session-reply', sequence: 1, call_id: 1, result: { ok: false, error } });
  line.take({ type: 'session-reply', sequence: 2, call_id: 2, result: { ok: true, value: null } });
  expect(await Promise.all(answers)).toMatchObject([{ ok: false }, { ok: true }]);
  sent.splice(0);
  void line.call(other, exit);
  void line.call(who, exit);
  expect(typesOf(sent)).toEqual(['session-call', 'session-vouch', 'session-call']);
});

it('keeps within the calls a link may have open, and answers all of them when the link ends', async () => {
  const { line, sent, link } = lineOf();
  const open = SESSION_LINK_LIMITS.maxCallsAtOnce / 2;
  const answers = Array.from({ length: open + 3 }, () => line.call(who, exit));
  const calls = (): number => typesOf(sent).filter((type) => type === 'session-call').length;
  expect(calls()).toBe(open);
  line.take({ type: 'session-reply', sequence: 1, call_id: 1, result: { ok: true, value: 'first' } });
  expect(await answers[0]).toEqual({ ok: true, value: 'first' });
  await Promise.resolve();
  expect(calls()).toBe(open + 1);
  link.stands = false;
  line.end();
  const rest = await Promise.all(answers.slice(1));
  expect(new Set(rest.map((result) => (result.ok ? '' : result.error.code)))).toEqual(new Set(['peer-unavailable']));
});
