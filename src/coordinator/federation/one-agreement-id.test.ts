import { expect, it } from 'vitest';
import { agreementHash } from '../../protocol/trust/termination';
import { nodeCryptography } from '../../keys/ed25519';
import { federationFiles, federationOptions, terminationOf, type FederationFiles } from '../testing/federation-pair';
import { ForeignPeer, honestGreeting } from '../testing/foreign-peer';
import { startTestCoordinator } from '../testing/start-coordinator';

function link(url: string, of: FederationFiles): ReturnType<typeof ForeignPeer.link> {
  const hash = agreementHash(of.agreement, nodeCryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  return ForeignPeer.link(url, honestGreeting(of.a.signer, { id: of.agreement.id, hash: hash.value }));
}

it.each([
  ['first', [0, 1]],
  ['last', [1, 0]],
])('the end of one agreement is none of another of the same id; the one that ends is the %s', async (_which, order) => {
  const files = await federationFiles();
  const others = await federationFiles({}, { b: files.b, id: files.agreement.id });
  const peers = [files, others].flatMap((one, index) =>
    federationOptions(one, 'b', null).federation.peers.map((peer) => ({ ...peer, name: `${index}` })),
  );
  const federation = {
    keyFile: files.b.keyFile,
    retrySeconds: 1,
    peers: order.flatMap((index) => peers[index] ?? []),
  };
  const target = await startTestCoordinator({ federation });
  const [ending, staying] = [await link(target.url, files), await link(target.url, others)];
  try {
    expect([ending.stands, staying.stands]).toEqual([true, true]);
    ending.peer.send({ type: 'terminate', notice: { ...terminationOf(files.agreement, '2026-02-01T00:00:00.000Z') } });
    expect((await ending.peer.untilClosed()).code).toBe(4_403);
    // What another program wrote into the database is looked for again and again; a new link is judged by it as well.
    expect((await link(target.url, files)).stands).toBe(false);
    const again = await link(target.url, others);
    expect(again.stands).toBe(true);
    again.peer.send({ type: 'session-joke' });
    await again.peer.next('unsupported');
    again.peer.drop();
  } finally {
    ending.peer.drop();
    staying.peer.drop();
    await target.coordinator.stop();
    await files.remove();
    await others.remove();
  }
});
