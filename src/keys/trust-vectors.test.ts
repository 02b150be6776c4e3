import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { advanceHandshake } from '../protocol/trust/advance-handshake';
import { agreementOfHandshake } from '../protocol/trust/agreement-of-handshake';
import { handshakePhase, type Handshake } from '../protocol/trust/handshake';
import { readHandshakeMessage, type HandshakeMessage } from '../protocol/trust/handshake-message';
import { readKeyLink, signKeyLink } from '../protocol/trust/key-link';
import { statementText } from '../protocol/trust/statement';
import { agreementHash, readTermination, signTermination } from '../protocol/trust/termination';
import { signAgreement } from '../protocol/signing/sign-document';
import { nodeCryptography as cryptography, signerOfSeed } from './ed25519';
import { fingerprintWords, wordsOfSeed } from './key-words';
import { A, accepted, B, got, T0 } from './testing/handshake-pair';

const FILE = 'schemas/vectors/trust/handshake.json';

function keyVector(fill: number, nodeId: string | null): Record<string, unknown> {
  const seed = new Uint8Array(32).fill(fill);
  const { publicKey } = signerOfSeed(seed);
  return {
    seed_hex: Buffer.from(seed).toString('hex'),
    public_key: publicKey,
    key_id: cryptography.keyIdOf(publicKey),
    node_id: nodeId,
    words: wordsOfSeed(seed),
    fingerprint_words: fingerprintWords(publicKey),
  };
}

/** The messages of a handshake from its proposal to an agreement that one party ends, in an order a relay could see. */
function buildVectors(): Record<string, unknown> {
  const pair = accepted();
  const terms = {
    purpose: 'Compare two models.',
    resources: ['2 GPU hours a week'],
    cost: { unit: 'GFT' },
    data_handling: 'Nothing leaves the session.',
    effective_at: '2026-03-02T00:00:00.000Z',
    expires_at: '2027-03-02T00:00:00.000Z',
    termination: 'Thirty days notice.',
  };
  const id = '01957000-0000-7000-8000-0000000000a1';
  const draft = got(agreementOfHandshake(pair.known.proposer, { id, terms }));
  const offer = got(signAgreement(draft, A.signer, cryptography));
  pair.say('proposer', { kind: 'agreement', agreement: offer });
  const agreement = got(signAgreement(offer, B.signer, cryptography));
  pair.say('responder', { kind: 'agreement', agreement });
  const termination = signTermination(
    {
      id: '01957000-0000-7000-8000-0000000000b1',
      agreement_id: id,
      agreement_hash: got(agreementHash(agreement, cryptography)),
      party: { node_id: B.nodeId, public_key: B.signer.publicKey },
      reason: 'The project ended.',
      effective_at: '2026-06-01T00:00:00.000Z',
      issued_at: new Date(pair.atMs).toISOString(),
    },
    B.signer,
    cryptography,
  );
  pair.say('responder', { kind: 'terminate', notice: termination });
  const waiting = { proposer: [...pair.sent.proposer], responder: [...pair.sent.responder] };
  const steps: object[] = [];
  let state: Handshake | null = null;
  while (waiting.proposer.length + waiting.responder.length > 0) {
    for (const queue of [waiting.proposer, waiting.responder]) {
      const message = queue[0];
      const advanced: ReturnType<typeof advanceHandshake> | null =
        message === undefined ? null : advanceHandshake(state, message, cryptography);
      if (message === undefined || advanced === null || !advanced.ok) continue;
      state = advanced.value;
      queue.shift();
      const signed = got(statementText(message));
      steps.push({ message, signed_sha256: cryptography.sha256(signed), phase: handshakePhase(state, T0) });
    }
  }
  const link = signKeyLink(
    {
      tore_spec: 'tore-0002',
      type: 'key-link',
      id: '01957000-0000-7000-8000-0000000000c1',
      node_id: A.nodeId,
      reason: 'Yearly.',
      issued_at: '2026-03-05T00:00:00.000Z',
      metadata: {},
    },
    { old: A.signer, new: signerOfSeed(new Uint8Array(32).fill(3)) },
    cryptography,
  );
  return {
    description:
      'Each message is signed over the RFC 8785 text of itself without "signature"; "signed_sha256" is the SHA-256 of that text. After each, a reader is in "phase". The seeds are no secrets.',
    keys: [keyVector(1, A.nodeId), keyVector(2, B.nodeId), keyVector(3, null)],
    steps,
    agreement,
    agreement_sha256: got(agreementHash(agreement, cryptography)),
    termination,
    key_link: link,
  };
}

describe('the vectors for other implementations', () => {
  it('are what this one writes', () => {
    const text = `${JSON.stringify(buildVectors(), null, 2)}\n`;
    if (process.env['TORE_WRITE_VECTORS'] === '1') writeFileSync(FILE, text);
    expect(existsSync(FILE)).toBe(true);
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(text));
  });

  it('can be read one by one', () => {
    const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as {
      steps: { message: HandshakeMessage; phase: string }[];
      termination: unknown;
      key_link: unknown;
    };
    let state: Handshake | null = null;
    for (const { message, phase } of vectors.steps) {
      state = got(advanceHandshake(state, got(readHandshakeMessage(message, cryptography, T0)), cryptography));
      expect(handshakePhase(state, T0)).toBe(phase);
    }
    expect(vectors.steps.length).toBeGreaterThan(8);
    expect(readTermination(vectors.termination, cryptography).ok).toBe(true);
    expect(readKeyLink(vectors.key_link, cryptography).ok).toBe(true);
  });
});
