import { Type, type Static } from 'typebox';
import { Identifier, PublicKey, Sha256Text } from '../documents/fields';
import { message } from '../wire/message-fields';

/*
 * How two coordinators open a link: a WebSocket `GET /federation`, three messages in the clear, then sealed ones. Both
 * prove their Ed25519 keys over fresh nonces and fresh X25519 keys, so that the link is between exactly these two, and
 * what was recorded of it cannot be opened with a key that leaks later (SIGMA, Krawczyk 2003, without hiding who it is).
 *
 *   dialer                                     listener
 *     hello {key, nonce, ephemeral key,  ────▶  is the key a peer, and is the agreement the one held here?
 *            agreement id and hash}
 *                                        ◀────  welcome {the same of its own, signature}
 *     proof {signature}                  ────▶
 *     sealed messages                    ◀───▶  sealed messages
 */

/** 32 random bytes. */
const Nonce = Type.String({ minLength: 44, maxLength: 44, pattern: '^[A-Za-z0-9+/]{43}=$' });
/** Raw X25519 public key, 32 bytes in base64, used for one link. */
const EphemeralKey = Nonce;
const SignatureValue = Type.String({ pattern: '^[A-Za-z0-9+/]{85}[AQgw]==$' });

const introduction = {
  /** Raw Ed25519 key of the coordinator. */
  public_key: PublicKey,
  nonce: Nonce,
  ephemeral_key: EphemeralKey,
  /** The agreement this side holds with the key of the other. */
  agreement_id: Identifier,
  /** SHA-256 of the text the parties of the agreement signed. */
  agreement_hash: Sha256Text,
};

export const FederationHello = message('hello', { protocol: Type.Literal('tore.v1.federation'), ...introduction });
export type FederationHello = Static<typeof FederationHello>;

export const FederationWelcome = message('welcome', { ...introduction, signature: SignatureValue });
export type FederationWelcome = Static<typeof FederationWelcome>;

export const FederationProof = message('proof', { signature: SignatureValue });
export type FederationProof = Static<typeof FederationProof>;

/** Instead of an answer: why there will be no link. The connection is closed behind it. */
export const FederationRefused = message('refused', {
  code: Type.String({ minLength: 1, maxLength: 100 }),
  message: Type.String({ maxLength: 2_000 }),
});
export type FederationRefused = Static<typeof FederationRefused>;

/** What one side says of itself. */
export type Introduction = Pick<
  FederationHello,
  'public_key' | 'nonce' | 'ephemeral_key' | 'agreement_id' | 'agreement_hash'
>;

/** The two ends of a link: who connected, and to whom. */
export type LinkRole = 'dialer' | 'listener';

/** What both sides have said, in one text without any choice of form. Proofs and keys are made from it. */
export function greetingTranscript(dialer: Introduction, listener: Introduction): string {
  return [
    'tore.v1 federation',
    dialer.public_key,
    listener.public_key,
    dialer.nonce,
    listener.nonce,
    dialer.ephemeral_key,
    listener.ephemeral_key,
    dialer.agreement_id,
    dialer.agreement_hash,
  ].join('\n');
}

/** The text a side signs to prove its key; a proof of one role is none of the other. */
export function linkProofText(transcript: string, role: LinkRole): string {
  return `${transcript}\n${role}`;
}

/** What the key a side seals with is derived for. */
export function linkKeyInfo(role: LinkRole): string {
  return `tore.v1 federation key of the ${role}`;
}
