import { createPrivateKey } from 'node:crypto';
import { nodeCryptography as cryptography } from '../../keys/ed25519';
import { A, accepted, B, got } from '../../keys/testing/handshake-pair';
import { signAgreement } from '../../protocol/signing/sign-document';
import type { Agreement } from '../../protocol/trust/agreement';
import { agreementOfHandshake } from '../../protocol/trust/agreement-of-handshake';
import type { TestKey } from './ws-node';

/** The key of a test party, whose seed is one byte repeated, as a raw connection wants it. */
export function keyOf(seedFill: number, publicKey: string): TestKey {
  const seed = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seedFill)]);
  return { publicKey, privateKey: createPrivateKey({ key: seed, format: 'der', type: 'pkcs8' }) };
}

/** The keys of the two parties of the test handshake. */
export const KEY_OF_A = keyOf(1, A.signer.publicKey);
export const KEY_OF_B = keyOf(2, B.signer.publicKey);

/** An agreement of the two parties of the test handshake, in force since 2020, signed by both. */
export function signedAgreement(): Agreement {
  const terms = {
    purpose: 'Plan an assay.',
    resources: [],
    cost: { unit: 'GFT' },
    data_handling: 'Inside.',
    effective_at: '2020-01-01T00:00:00.000Z',
    termination: 'Any time.',
  };
  const draft = got(agreementOfHandshake(accepted().known.proposer, { id: 'g1', terms }));
  return got(signAgreement(got(signAgreement(draft, A.signer, cryptography)), B.signer, cryptography));
}
