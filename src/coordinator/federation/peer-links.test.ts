import { expect, it } from 'vitest';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import { agreementHash } from '../../protocol/trust/termination';
import { systemClock, systemRandom } from '../clock';
import { silentLogger } from '../logger';
import { federationAgreement, PARTY_A, PARTY_B } from '../testing/federation-pair';
import { PeerLinks } from './peer-links';
import type { PeerStore } from './peer-store';

it('lets only so many refusals wait to be written down, however many there are at once', async () => {
  const [own, other] = [generateSigner().signer, generateSigner().signer];
  const agreement = federationAgreement({ a: other.publicKey, b: own.publicKey });
  const hash = agreementHash(agreement, nodeCryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  const parties = { ownParty: PARTY_B.nodeId, peerParty: PARTY_A.nodeId };
  const settings = { name: 'A', url: null, publicKey: other.publicKey, agreementFile: 'none', ...parties };
  const written: (() => void)[] = [];
  const store = {
    noteRefusal: () => new Promise<void>((resolve) => written.push(resolve)),
  } as unknown as PeerStore;
  const links = new PeerLinks(
    { signer: own, retryMs: 1_000, peers: [{ ...settings, agreement, agreementHash: hash.value }] },
    store,
    {
      up: () => undefined,
      message: () => undefined,
      frame: () => undefined,
      down: () => undefined,
      isBusy: () => false,
    },
    systemClock,
    systemRandom,
    silentLogger,
  );
  const [peer] = links.peers;
  if (peer === undefined) throw new Error('there is a peer');
  const flood = (): void => {
    for (let count = 0; count < 5_000; count += 1) links.noteRefusal(peer, 'record-refused', 'again');
  };
  flood();
  expect(written).toHaveLength(1_000);
  for (const done of written.splice(0)) done();
  await new Promise((resolve) => setImmediate(resolve));
  flood();
  expect(written).toHaveLength(1_000);
});
