import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCryptography as cryptography, signerOfSeed } from '../../keys/ed25519';
import { A, accepted, B, got, HOUR, JOIN, Pair, T0 } from '../../keys/testing/handshake-pair';
import { question, testParty } from '../../keys/testing/test-party';
import { verifyAgreement } from '../signing/verify-document';
import { signAgreement } from '../signing/sign-document';
import type { Signer } from '../signing/ed25519';
import { advanceHandshake } from './advance-handshake';
import { agreementOfHandshake, handshakeEvidence } from './agreement-of-handshake';
import { checkTermination } from './agreement-standing';
import { composeMessage, type MessageWriter } from './compose-message';
import {
  FINAL_PHASES,
  decisionOf,
  otherSide,
  sideProgress,
  stepsOf,
  type Handshake,
  type HandshakePhase,
  type Side,
} from './handshake';
import { readHandshakeMessage, type HandshakeContent, type HandshakeMessage } from './handshake-message';
import { signKeyLink, type KeyLink } from './key-link';
import { hashOf, signStatement } from './statement';
import { agreementHash, signTermination, type TerminationNotice } from './termination';

const TERMS = {
  purpose: 'Compare two models.',
  resources: ['2 GPU hours a week'],
  cost: { unit: 'GFT' },
  data_handling: 'Nothing leaves the session.',
  effective_at: '2026-03-02T00:00:00.000Z',
  expires_at: '2027-03-02T00:00:00.000Z',
  termination: 'Thirty days notice.',
};

describe('a handshake', () => {
  it('goes through its states to an agreement that both have signed', () => {
    const pair = new Pair();
    expect(pair.phase('responder')).toBe('proposed');
    pair.say('responder', JOIN);
    expect(pair.phase('proposer')).toBe('challenging');
    pair.say('proposer', question('a1'));
    pair.say('responder', pair.respond('responder', 'a1'));
    expect(pair.phase('proposer')).toBe('responded');
    pair.say('proposer', pair.decide('proposer', 'accept'));
    expect(pair.phase('responder')).toBe('decided');
    pair.say('responder', pair.decide('responder', 'accept'));
    expect([pair.phase('proposer'), pair.phase('responder')]).toEqual(['accepted', 'accepted']);
    expect(sideProgress(pair.known.responder, 'responder')).toEqual({
      joined: true,
      challengesSent: 0,
      challengesReceived: 1,
      challengesAnswered: 1,
      decision: 'accept',
    });

    const draft = got(agreementOfHandshake(pair.known.proposer, { id: 'g1', terms: TERMS }));
    const offer = got(signAgreement(draft, A.signer, cryptography));
    pair.say('proposer', { kind: 'agreement', agreement: offer });
    const signed = got(signAgreement(offer, B.signer, cryptography));
    pair.say('responder', { kind: 'agreement', agreement: signed });
    expect(verifyAgreement(signed, cryptography)).toMatchObject({ ok: true, value: { signatures: 2 } });
    expect(signed.evidence).toHaveLength(1);

    const notice = {
      id: 't1',
      agreement_id: 'g1',
      agreement_hash: got(agreementHash(signed, cryptography)),
      party: { node_id: B.nodeId, public_key: B.signer.publicKey },
      effective_at: '2026-04-01T00:00:00.000Z',
      issued_at: new Date(pair.atMs).toISOString(),
    };
    pair.say('responder', { kind: 'terminate', notice: signTermination(notice, B.signer, cryptography) });
    expect(stepsOf(pair.known.proposer.log.responder, 'terminate')).toHaveLength(1);
  });

  it('expires when it is not decided in time, and takes nothing then', () => {
    const pair = new Pair();
    pair.atMs = T0 + 31 * 24 * HOUR;
    expect(pair.phase('responder')).toBe('expired');
    expect(pair.write('responder', JOIN)).toMatchObject({ error: { code: 'handshake-expired' } });
  });

  it('takes no challenge above the quota of the other party, until its window has moved on', () => {
    const pair = new Pair(2);
    expect(pair.write('proposer', question('early'))).toMatchObject({ error: { code: 'not-allowed' } });
    pair.say('responder', JOIN);
    pair.say('responder', question('b1'));
    pair.say('responder', question('b2'));
    expect(pair.write('responder', question('b3'))).toMatchObject({
      error: { code: 'quota-exceeded', retryable: true },
    });
    pair.atMs += HOUR;
    pair.say('responder', question('b3'));
  });

  it('counts challenges of other handshakes against the same quota', () => {
    const pair = new Pair(2);
    pair.say('responder', JOIN);
    const draft = { writer: B, content: question('b1'), nowMs: pair.atMs + 1 };
    const elsewhere = { otherChallengesMs: [pair.atMs - 5, pair.atMs - 6] };
    expect(composeMessage(pair.known.responder, draft, cryptography, elsewhere)).toMatchObject({
      error: { code: 'quota-exceeded' },
    });
  });

  it('lets a party accept only what it has judged, and judge only what was said', () => {
    const pair = new Pair();
    pair.say('responder', JOIN);
    pair.say('proposer', question('a1'));
    expect(pair.write('proposer', pair.decide('proposer', 'accept'))).toMatchObject({
      error: { code: 'verdicts-incomplete' },
    });
    pair.say('responder', pair.respond('responder', 'a1'));
    const decision = pair.decide('proposer', 'accept');
    if (decision.kind !== 'decide') throw new Error('not a decision');
    const other = {
      ...decision,
      verdicts: decision.verdicts.map((one) => ({ ...one, response_hash: 'f'.repeat(64) })),
    };
    expect(pair.write('proposer', other)).toMatchObject({ error: { code: 'hash-mismatch' } });
    const foreign = { ...decision, verdicts: decision.verdicts.map((one) => ({ ...one, challenge_id: 'b9' })) };
    expect(pair.write('proposer', foreign)).toMatchObject({ error: { code: 'challenge-unknown' } });
  });

  it('takes one answer to each challenge, to the text that was asked', () => {
    const pair = new Pair();
    pair.say('responder', JOIN);
    pair.say('proposer', question('a1'));
    expect(pair.write('responder', pair.respond('responder', 'zz'))).toMatchObject({
      error: { code: 'challenge-unknown' },
    });
    const answer = pair.respond('responder', 'a1');
    if (answer.kind !== 'response') throw new Error('not a response');
    const twisted = { ...answer, response: { ...answer.response, challenge_hash: '0'.repeat(64) } };
    expect(pair.write('responder', twisted)).toMatchObject({ error: { code: 'hash-mismatch' } });
    pair.say('responder', answer);
    expect(pair.write('responder', answer)).toMatchObject({ error: { code: 'challenge-answered' } });
  });

  it('is over when a party rejects or withdraws', () => {
    for (const content of [
      { kind: 'decide', decision: 'reject', verdicts: [] },
      { kind: 'withdraw', reason: 'No time.' },
    ] as const) {
      const pair = new Pair();
      pair.say('responder', JOIN);
      pair.say('proposer', content as HandshakeContent);
      expect(pair.phase('responder')).toBe(content.kind === 'withdraw' ? 'withdrawn' : 'rejected');
      expect(pair.write('responder', question('b1'))).toMatchObject({ error: { code: 'handshake-over' } });
    }
  });

  it('refuses agreements before it was accepted, of other parties, with other evidence, and unsigned ones', () => {
    const early = new Pair();
    early.say('responder', JOIN);
    expect(agreementOfHandshake(early.known.proposer, { id: 'g', terms: TERMS })).toMatchObject({
      error: { code: 'not-allowed' },
    });
    const pair = accepted();
    const draft = got(agreementOfHandshake(pair.known.proposer, { id: 'g', terms: TERMS }));
    const offer = got(signAgreement(draft, A.signer, cryptography));
    expect(early.write('proposer', { kind: 'agreement', agreement: offer })).toMatchObject({
      error: { code: 'not-allowed' },
    });
    const cases = {
      'agreement-unsigned': draft,
      'agreement-foreign': got(signAgreement({ ...draft, evidence: [] }, A.signer, cryptography)),
      'signature-wrong': { ...offer, terms: { ...TERMS, purpose: 'Something else.' } },
    };
    for (const [code, agreement] of Object.entries(cases)) {
      expect(pair.write('proposer', { kind: 'agreement', agreement })).toMatchObject({ error: { code } });
    }
  });
});

describe('a hostile message', () => {
  const mallory = testParty(66, 'Mallory');

  function received(value: unknown, pair: Pair, nowMs = pair.atMs): string {
    const read = readHandshakeMessage(value, cryptography, nowMs);
    if (!read.ok) return read.error.code;
    const advanced = advanceHandshake(pair.known.responder, read.value, cryptography);
    return advanced.ok ? 'taken' : advanced.error.code;
  }

  function next(pair: Pair): HandshakeMessage {
    return got(pair.write('proposer', question('a1'))).message;
  }

  function joined(): Pair {
    const pair = new Pair();
    pair.say('responder', JOIN);
    return pair;
  }

  it('is refused with the reason', () => {
    const pair = joined();
    const good = next(pair);
    const { signature, ...unsigned } = good;
    const sign = (value: object, by = A): unknown => signStatement(value, by.signer, cryptography);
    const cases: [string, unknown, string][] = [
      ['altered', { ...good, content: question('other') }, 'signature-wrong'],
      ['an unknown field added', { ...good, added: 1 }, 'signature-wrong'],
      [
        'signed by another',
        { ...unsigned, signature: (sign(unsigned, mallory) as HandshakeMessage).signature },
        'signature-wrong',
      ],
      [
        'from another key',
        sign({ ...unsigned, from: { ...good.from, public_key: mallory.signer.publicKey } }, mallory),
        'signature-wrong',
      ],
      [
        'from a stranger',
        sign(
          { ...unsigned, from: { ...good.from, node_id: mallory.nodeId, public_key: mallory.signer.publicKey } },
          mallory,
        ),
        'wrongly-addressed',
      ],
      [
        'for somebody else',
        sign({ ...unsigned, to: { ...good.to, public_key: mallory.signer.publicKey } }),
        'wrongly-addressed',
      ],
      ['of another handshake', sign({ ...unsigned, handshake_id: 'other' }), 'wrongly-addressed'],
      ['to itself', sign({ ...unsigned, to: good.from }), 'wrongly-addressed'],
      ['without a kind we know', sign({ ...unsigned, content: { kind: 'run', command: 'x' } }), 'message-invalid'],
      ['skipping one', sign({ ...unsigned, sequence: 3 }), 'message-early'],
      ['knowing what was not said', sign({ ...unsigned, seen: 2 }), 'message-early'],
      [
        'written tomorrow',
        sign({ ...unsigned, issued_at: new Date(T0 + 24 * HOUR).toISOString() }),
        'message-from-future',
      ],
      [
        'nested without end',
        { ...good, added: JSON.parse(`${'['.repeat(9_000)}${']'.repeat(9_000)}`) as unknown },
        'message-invalid',
      ],
      ['too large', { ...good, added: 'x'.repeat(300_000) }, 'message-too-large'],
      ['no message', { tore_spec: 'tore-0002' }, 'message-invalid'],
      ['signature of another kind', { ...good, signature: { ...signature, alg: 'none' } }, 'message-invalid'],
    ];
    const found = cases.map(([what, value]) => [what, received(value, pair)]);
    expect(found).toEqual(cases.map(([what, , code]) => [what, code]));
    expect(received(good, pair, T0 + 200 * 24 * HOUR)).toBe('message-expired');
    expect(received(good, pair)).toBe('taken');
  });

  it('is refused when it repeats or contradicts one that was received', () => {
    const pair = joined();
    const good = next(pair);
    pair.deliverAll();
    expect(received(good, pair)).toBe('message-replayed');
    const { signature: _, ...unsigned } = good;
    const second = signStatement({ ...unsigned, content: question('a2') }, A.signer, cryptography);
    expect(received(second, pair)).toBe('message-conflict');
  });

  it('cannot begin a handshake with anything but a proposal', () => {
    const pair = joined();
    expect(advanceHandshake(null, next(pair), cryptography)).toMatchObject({ error: { code: 'handshake-unknown' } });
  });
});

describe('a replaced key', () => {
  const fresh = signerOfSeed(new Uint8Array(32).fill(91));
  const link = signKeyLink(
    {
      tore_spec: 'tore-0002',
      type: 'key-link',
      id: 'l1',
      node_id: A.nodeId,
      issued_at: new Date(T0).toISOString(),
      metadata: {},
    },
    { old: A.signer, new: fresh },
    cryptography,
  );
  const rotated = (keyLinks: readonly KeyLink[]): MessageWriter => ({ ...A, signer: fresh, keyLinks });

  it('is followed through its link, and the old one counts no more', () => {
    const pair = new Pair();
    pair.say('responder', JOIN);
    got(pair.write('proposer', question('a1'), rotated([link])));
    pair.deliverAll();
    expect(pair.known.responder.parties.proposer.keys).toEqual([A.signer.publicKey, fresh.publicKey]);
    expect(pair.write('proposer', question('a2'), A)).toMatchObject({ error: { code: 'key-replaced' } });
    got(pair.write('proposer', question('a2'), rotated([link])));
    pair.deliverAll();
  });

  it('ends what the old one has signed, and nobody else’s does', () => {
    const agreement = got(agreementOfHandshake(accepted().known.proposer, { id: 'g1', terms: TERMS }));
    const notice = (signer: Signer, more: object = {}): TerminationNotice =>
      signTermination(
        {
          id: 't1',
          agreement_id: 'g1',
          agreement_hash: got(agreementHash(agreement, cryptography)),
          party: { node_id: A.nodeId, public_key: signer.publicKey },
          effective_at: '2026-04-01T00:00:00.000Z',
          issued_at: new Date(T0).toISOString(),
          ...more,
        },
        signer,
        cryptography,
      );
    const check = (value: unknown): string => {
      const checked = checkTermination(value, agreement, cryptography);
      return checked.ok ? 'taken' : checked.error.code;
    };
    expect(check(notice(A.signer))).toBe('taken');
    expect(check(notice(fresh, { key_links: [link] }))).toBe('taken');
    expect(check(notice(fresh))).toBe('signature-wrong');
    expect(check(notice(fresh, { key_links: [{ ...link, reason: 'because' }] }))).toBe('key-link-invalid');
    expect(check(notice(B.signer, { key_links: [link] }))).toBe('signature-wrong');
    expect(check(notice(fresh, { key_links: [link], party: { node_id: 'x', public_key: fresh.publicKey } }))).toBe(
      'agreement-foreign',
    );
    expect(check({ ...notice(fresh), key_links: [link] })).toBe('signature-wrong');
  });

  it('is not taken without a link, with a forged one, or with one of another party', () => {
    const pair = new Pair();
    pair.say('responder', JOIN);
    expect(pair.write('proposer', question('a1'), rotated([]))).toMatchObject({ error: { code: 'signature-wrong' } });
    const forged = { ...link, reason: 'because' };
    expect(pair.write('proposer', question('a1'), rotated([forged]))).toMatchObject({
      error: { code: 'key-link-invalid' },
    });
    const foreign = signKeyLink({ ...link, node_id: B.nodeId }, { old: A.signer, new: fresh }, cryptography);
    expect(pair.write('proposer', question('a1'), rotated([foreign]))).toMatchObject({
      error: { code: 'key-link-invalid' },
    });
  });
});

describe('any order of writing and delivering', () => {
  const act = fc.record({
    side: fc.constantFrom<Side>('proposer', 'responder'),
    what: fc.constantFrom(
      'join',
      'ask',
      'ask',
      'answer',
      'answer',
      'accept',
      'accept',
      'reject',
      'withdraw',
      'deliver',
      'deliver',
      'deliver',
      'wait',
    ),
    pick: fc.nat(5),
  });

  function contentFor(pair: Pair, side: Side, what: string, pick: number, number: number): HandshakeContent {
    switch (what) {
      case 'join':
        return JOIN;
      case 'ask':
        return question(`${side}-${number}`);
      case 'answer': {
        const asked = stepsOf(pair.known[side].log[otherSide(side)], 'challenge');
        return pair.respond(side, asked[pick % Math.max(1, asked.length)]?.challengeId ?? 'none');
      }
      case 'withdraw':
        return { kind: 'withdraw' };
      default:
        return pair.decide(side, what === 'accept' ? 'accept' : 'reject');
    }
  }

  const path = (...steps: readonly (readonly [Side, 'join' | 'accept' | 'reject' | 'withdraw' | 'deliver'])[]) =>
    steps.map(([side, what]) => ({ side, what, pick: 0 }));
  const joined = [
    ['responder', 'join'],
    ['responder', 'deliver'],
  ] as const;
  /** Ways to each end, so that every run gets to all of them whatever chance brings. */
  const ENDS = [
    path(...joined, ['proposer', 'accept'], ['proposer', 'deliver'], ['responder', 'accept']),
    path(...joined, ['proposer', 'accept'], ['responder', 'accept']),
    path(...joined, ['responder', 'reject'], ['proposer', 'accept']),
    path(...joined, ['proposer', 'withdraw'], ['responder', 'accept']),
  ];

  it('ends in one state that both see, with quotas kept and consent of both behind every acceptance', () => {
    const reached = new Set<HandshakePhase>();
    fc.assert(
      fc.property(fc.array(act, { minLength: 5, maxLength: 40 }), (acts) => {
        const pair = new Pair(2);
        for (const [number, { side, what, pick }] of acts.entries()) {
          if (what === 'deliver') pair.deliver(side);
          else if (what === 'wait') pair.atMs += HOUR;
          else {
            const before = pair.phase(side);
            const written = pair.write(side, contentFor(pair, side, what, pick, number));
            // Nothing of the handshake itself is written once its writer knows the end.
            if (FINAL_PHASES.includes(before)) expect(written.ok).toBe(false);
          }
        }
        pair.deliverAll();
        // Everything that an honest party wrote is taken by the other, whatever crossed it on its way.
        expect(pair.known.responder).toEqual(pair.known.proposer);
        const { log } = pair.known.proposer;
        const phase = pair.phase('proposer');
        reached.add(phase);
        const bothAccept = (['proposer', 'responder'] as const).every(
          (side) => decisionOf(log[side])?.decision === 'accept',
        );
        if (phase === 'accepted') expect(bothAccept).toBe(true);
        for (const side of ['proposer', 'responder'] as const) {
          const count = otherSide(side) === 'proposer' ? 2 : 3;
          const times = log[side].flatMap(({ step, issuedAtMs }) => (step.kind === 'challenge' ? [issuedAtMs] : []));
          times.forEach((at) => {
            expect(times.filter((other) => other > at - HOUR && other <= at).length).toBeLessThanOrEqual(count);
          });
          const judged = decisionOf(log[side]);
          if (judged?.decision === 'accept')
            expect(judged.verdicts).toHaveLength(stepsOf(log[side], 'challenge').length);
        }
        expect(handshakeEvidence(pair.known.proposer)).toEqual(handshakeEvidence(pair.known.responder));
      }),
      { numRuns: 250, examples: ENDS.map((acts): [typeof acts] => [acts]) },
    );
    // The run is worth something only if it got to the ends.
    for (const phase of ['accepted', 'rejected', 'withdrawn'] as const) expect(reached).toContain(phase);
  });

  it('gives a third party that relays the messages the same state', () => {
    const pair = accepted();
    const messages = [...pair.sent.proposer, ...pair.sent.responder];
    let relay: Handshake | null = null;
    const waiting = new Set(messages);
    while (waiting.size > 0) {
      const before = waiting.size;
      for (const message of [...waiting].reverse()) {
        const advanced: ReturnType<typeof advanceHandshake> = advanceHandshake(relay, message, cryptography);
        if (!advanced.ok) continue;
        relay = advanced.value;
        waiting.delete(message);
      }
      if (waiting.size === before) break;
    }
    expect(waiting.size).toBe(0);
    expect(relay).toEqual(pair.known.proposer);
    expect(got(hashOf(relay, cryptography))).toBe(got(hashOf(pair.known.responder, cryptography)));
  });
});
