import { connectionProofText } from '../../protocol/wire/messages';
import { isSignedBy } from '../access/key-signature';

/** Whether the signature proves the raw Ed25519 key (both base64) for this nonce and this coordinator. */
export function provesKey(
  proof: { readonly publicKey: string; readonly signature: string },
  nonce: string,
  coordinatorId: string,
): boolean {
  return isSignedBy(proof.publicKey, connectionProofText(nonce, coordinatorId), proof.signature);
}
