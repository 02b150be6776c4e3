import { toWireGft } from '../../protocol/compute/micro-gft';
import type { PeerView } from '../../protocol/federation/administration';
import { grantOf, settlementTermsOf } from '../../protocol/federation/grant';
import { timestampOf } from '../clock';
import type { Federation } from './federation';
import type { Peer } from './peer';

const SHOWN_REFUSALS = 20;

function linkView({ state, lastUpAt }: Peer): PeerView['link'] {
  return {
    state: state.kind,
    reason: state.kind === 'down' || state.kind === 'barred' ? state.reason : null,
    since: state.kind === 'up' ? timestampOf(state.sinceMs) : null,
    last_up_at: lastUpAt,
  };
}

function agreementView({ settings, termination }: Peer): PeerView['agreement'] {
  const { agreement, agreementHash, ownParty, peerParty } = settings;
  const { terms } = agreement;
  const nameOf = (nodeId: string): string => {
    const party = agreement.parties.find((one) => one.node_id === nodeId);
    return party === undefined ? '' : (party.institution ?? party.name);
  };
  return {
    id: agreement.id,
    hash: agreementHash,
    purpose: terms.purpose,
    own_party: nameOf(ownParty),
    peer_party: nameOf(peerParty),
    ...settlementTermsOf(agreement),
    data_handling: terms.data_handling,
    effective_at: terms.effective_at,
    expires_at: terms.expires_at ?? null,
    terminated_at: termination?.effective_at ?? null,
    serves: grantOf(agreement, ownParty),
    served: grantOf(agreement, peerParty),
  };
}

/** A peer with everything an administrator wants to know. */
export async function peerView(federation: Federation, peer: Peer): Promise<PeerView> {
  const { store, peerStore, offers } = federation;
  const [totals, open, refusals] = await Promise.all([
    store.totals(peer.publicKey, peer.agreementId),
    store.open(peer.publicKey),
    peerStore.refusals(peer.publicKey, SHOWN_REFUSALS),
  ]);
  const offer = offers.of(peer);
  const now = peer.link?.traffic ?? { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  return {
    name: peer.name,
    public_key: peer.publicKey,
    key_id: peer.keyId,
    url: peer.settings.url,
    link: linkView(peer),
    agreement: agreementView(peer),
    models: [...(offer?.models.values() ?? [])].map(({ model_id, friendly_name, available }) => ({
      model_id,
      friendly_name,
      available,
    })),
    records: offer?.records.length ?? 0,
    traffic: {
      messages_in: peer.traffic.messagesIn + now.messagesIn,
      messages_out: peer.traffic.messagesOut + now.messagesOut,
      bytes_in: peer.traffic.bytesIn + now.bytesIn,
      bytes_out: peer.traffic.bytesOut + now.bytesOut,
      serving: federation.servingFor(peer),
      asking: federation.askingAt(peer),
    },
    settled: {
      served: { requests: totals.served.requests, amount: toWireGft(totals.served.micro) },
      consumed: { requests: totals.consumed.requests, amount: toWireGft(totals.consumed.micro) },
      owed: open.owed,
      refused: open.refused,
    },
    refusals,
  };
}
