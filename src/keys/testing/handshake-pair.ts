import { advanceHandshake } from '../../protocol/trust/advance-handshake';
import { composeMessage, composeProposal, type MessageWriter } from '../../protocol/trust/compose-message';
import {
  handshakePhase,
  otherSide,
  stepsOf,
  type Handshake,
  type HandshakePhase,
  type Side,
} from '../../protocol/trust/handshake';
import type { HandshakeContent, HandshakeMessage } from '../../protocol/trust/handshake-message';
import type { Result } from '../../protocol/result';
import { nodeCryptography as cryptography } from '../ed25519';
import { proposal, question, testParty } from './test-party';

export const T0 = Date.parse('2026-03-01T10:00:00.000Z');
export const HOUR = 3_600_000;
const ID = '01957000-0000-7000-8000-000000000001';
export const A = testParty(1);
export const B = testParty(2);
const WRITERS: Record<Side, MessageWriter> = { proposer: A, responder: B };

/** The value of a result that must not be a failure. */
export function got<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

/** A copy of the handshake for each side, as each knows it. */
export class Pair {
  readonly known: Record<Side, Handshake>;
  readonly sent: Record<Side, HandshakeMessage[]>;
  atMs = T0;

  constructor(quotaCount = 3) {
    const draft = { writer: A, content: proposal(T0, { count: quotaCount, window_seconds: 3_600 }), nowMs: T0 };
    const composed = got(
      composeProposal(ID, { node_id: B.nodeId, public_key: B.signer.publicKey }, draft, cryptography),
    );
    this.known = {
      proposer: composed.handshake,
      responder: got(advanceHandshake(null, composed.message, cryptography)),
    };
    this.sent = { proposer: [composed.message], responder: [] };
  }

  /** Writes as a side; the other has not read it yet. */
  write(side: Side, content: HandshakeContent, writer = WRITERS[side]): ReturnType<typeof composeMessage> {
    this.atMs += 1_000;
    const composed = composeMessage(this.known[side], { writer, content, nowMs: this.atMs }, cryptography);
    if (composed.ok) {
      this.known[side] = composed.value.handshake;
      this.sent[side].push(composed.value.message);
    }
    return composed;
  }

  /** Delivers the next message of a side to the other; false when there is none it can take yet. */
  deliver(from: Side): boolean {
    const to = otherSide(from);
    const next = this.sent[from][this.known[to].log[from].length];
    if (next === undefined) return false;
    const advanced = advanceHandshake(this.known[to], next, cryptography);
    if (!advanced.ok && advanced.error.code === 'message-early') return false;
    this.known[to] = got(advanced);
    return true;
  }

  deliverAll(): void {
    while (this.deliver('proposer') || this.deliver('responder')) continue;
  }

  /** Writes and delivers. */
  say(side: Side, content: HandshakeContent): void {
    got(this.write(side, content));
    this.deliverAll();
  }

  phase(side: Side): HandshakePhase {
    return handshakePhase(this.known[side], this.atMs);
  }

  respond(side: Side, challengeId: string): HandshakeContent {
    const challenge = stepsOf(this.known[side].log[otherSide(side)], 'challenge').find(
      (asked) => asked.challengeId === challengeId,
    );
    const response = { challenge_id: challengeId, challenge_hash: challenge?.hash ?? '0'.repeat(64), author: 'human' };
    return { kind: 'response', response: { ...response, author: 'human', text: 'Because.' } };
  }

  decide(side: Side, decision: 'accept' | 'reject'): HandshakeContent {
    const known = this.known[side];
    const responses = new Map(
      stepsOf(known.log[otherSide(side)], 'response').map((one) => [one.challengeId, one.hash]),
    );
    const verdicts = stepsOf(known.log[side], 'challenge').flatMap(({ challengeId, hash }) => {
      const response = responses.get(challengeId);
      if (response === undefined) return [];
      const decidedAt = new Date(this.atMs).toISOString();
      const verdict = {
        challenge_id: challengeId,
        challenge_hash: hash,
        response_hash: response,
        decided_at: decidedAt,
      };
      return [{ ...verdict, verdict: 'accepted' as const }];
    });
    return { kind: 'decide', decision, verdicts };
  }
}

export const JOIN: HandshakeContent = { kind: 'join', quota: { count: 3, window_seconds: 3_600 } };

/** A handshake that both have accepted, with one challenge each. */
export function accepted(): Pair {
  const pair = new Pair();
  pair.say('responder', JOIN);
  pair.say('proposer', question('a1'));
  pair.say('responder', question('b1'));
  pair.say('responder', pair.respond('responder', 'a1'));
  pair.say('proposer', pair.respond('proposer', 'b1'));
  pair.say('proposer', pair.decide('proposer', 'accept'));
  pair.say('responder', pair.decide('responder', 'accept'));
  return pair;
}
