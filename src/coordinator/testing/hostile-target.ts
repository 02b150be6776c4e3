import { randomUUID } from 'node:crypto';
import { nodeCryptography } from '../../keys/ed25519';
import { agreementHash } from '../../protocol/trust/termination';
import { federationFiles, federationOptions, grant, PARTY_A, PARTY_B, type FederationFiles } from './federation-pair';
import { ForeignPeer, honestGreeting } from './foreign-peer';
import { startTestCoordinator, type TestCoordinator } from './start-coordinator';
import { handmadeFrame, WsNode } from './ws-node';

type Json = Record<string, unknown>;

const WITHIN_MS = 20_000;
const TOKEN = 'administrator-of-the-hostile-hops';

/** Positions a hop of a test may have. */
export const MAX_POSITIONS = 40;

/**
 * One real coordinator, B, with two peers, A and C, both played by a test. B serves them any layers; they serve it middle
 * layers alone.
 */
export class HostileTarget {
  private readonly nodes: WsNode[] = [];
  private readonly peers: ForeignPeer[] = [];

  private constructor(
    readonly files: FederationFiles,
    readonly filesOfC: FederationFiles,
    readonly running: TestCoordinator,
  ) {}

  static async start(): Promise<HostileTarget> {
    const resources = [grant(PARTY_A.nodeId, { data: 'requester-ends' }), grant(PARTY_B.nodeId)];
    const files = await federationFiles({ resources });
    const filesOfC = await federationFiles({ resources }, { b: files.b, id: 'agreement-of-c-and-b' });
    const peers = [files, filesOfC].flatMap((one, index) =>
      federationOptions(one, 'b', null).federation.peers.map((peer) => ({ ...peer, name: index === 0 ? 'A' : 'C' })),
    );
    const federation = { keyFile: files.b.keyFile, retrySeconds: 1, peers };
    const running = await startTestCoordinator({ administratorToken: TOKEN, federation });
    return new HostileTarget(files, filesOfC, running);
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.drop();
    for (const peer of this.peers) peer.drop();
    await this.running.coordinator.stop();
    await this.files.remove();
    await this.filesOfC.remove();
  }

  async link(of = this.files): Promise<{ peer: ForeignPeer; stands: boolean }> {
    const hash = agreementHash(of.agreement, nodeCryptography);
    if (!hash.ok) throw new Error(hash.error.message);
    const greeting = honestGreeting(of.a.signer, { id: of.agreement.id, hash: hash.value });
    const linked = await ForeignPeer.link(this.running.url, greeting);
    this.peers.push(linked.peer);
    return linked;
  }

  /** What the administrator asks. */
  async admin(path: string): Promise<Response> {
    return fetch(`${this.running.url}/admin${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  }

  async peerView(name = 'A'): Promise<Json> {
    const { peers } = (await (await this.admin('/federation')).json()) as { peers: Json[] };
    return peers.find((peer) => peer['name'] === name) ?? {};
  }

  /** Waits until the administrator finds a refusal of this code. */
  async expectReason(code: string, name = 'A'): Promise<void> {
    const until = Date.now() + WITHIN_MS;
    for (;;) {
      const found = ((await this.peerView(name))['refusals'] as Json[]).map((refusal) => refusal['code']);
      if (found.includes(code)) return;
      if (Date.now() > until) throw new Error(`${code} was not written down, only ${JSON.stringify(found)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async nodeWith(first: number, last: number): Promise<WsNode> {
    const node = await WsNode.connect(this.running.url);
    this.nodes.push(node);
    await node.register();
    const reply = await node.registerShard(first, last, { manifest_hash: this.running.manifestHash });
    if (reply['ok'] !== true) throw new Error(JSON.stringify(reply));
    return node;
  }

  /** A node with middle layers that hands on what it gets, or nothing. */
  async serveMiddle(first: number, last: number, answers = true): Promise<WsNode> {
    const node = await this.nodeWith(first, last);
    node.behave(
      (message) => {
        if (message['type'] !== 'pipeline-open') return;
        node.send({ type: 'pipeline-opened', request_id: message['request_id'], hop: message['hop'] });
      },
      (bytes) => {
        const next = Buffer.from(bytes);
        next.writeUInt16LE(bytes.readUInt16LE(24) + 1, 24);
        if (answers) node.socket.send(next);
      },
    );
    return node;
  }
}

/** The id under which layers are offered over a link. */
export async function offerOf(peer: ForeignPeer, first: number, last: number): Promise<string> {
  for (;;) {
    const { layers } = (await peer.next('summary')) as { layers: Json[] };
    const offer = layers.find((one) => one['layer_start'] === first && one['layer_end'] === last);
    if (offer !== undefined) return String(offer['offer_id']);
  }
}

/** What opens a hop. */
export function opening(offerId: string, more: Json = {}): Json {
  return {
    type: 'hop-open',
    hop_id: randomUUID(),
    offer_id: offerId,
    activation_dtype: 'f32',
    max_positions: MAX_POSITIONS,
    max_new_tokens: 4,
    ...more,
  };
}

/** Finds what is about a hop. */
export const aboutHop =
  (hopId: unknown) =>
  (message: Json): boolean =>
    message['hop_id'] === hopId;

/** Opens a hop over the layers and begins it. */
export async function beginHop(peer: ForeignPeer, offerId: string): Promise<string> {
  const open = opening(offerId);
  peer.send(open);
  const hopId = String(open['hop_id']);
  await peer.next('hop-opened', aboutHop(hopId));
  peer.send({ type: 'hop-begin', hop_id: hopId, positions: MAX_POSITIONS });
  return hopId;
}

/** An activation for a hop. */
export function hopFrame(hopId: string, more: Partial<Parameters<typeof handmadeFrame>[0]> = {}): Buffer {
  return handmadeFrame({ requestId: hopId, hop: 0, step: 1, position: 0, positions: 5, ...more });
}
