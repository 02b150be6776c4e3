import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { MAX_HOSTS, PairedHost, type HostStatus, type HostView } from '../../../contract/hosts';
import { connectToHost, openIdentity, type RemoteLink, type RemoteStatus, type SecretStore } from '../../../node';
import { NodeState } from '../../../protocol/compute/node-snapshot';
import { success, type Failure, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { DocumentStore } from '../../storage/electron-document-store';
import { readJsonDocument } from '../../storage/json-document';
import type { Log } from '../log';

const LOG_LINES = 200;
const HostsDocument = Type.Object({ hosts: Type.Array(PairedHost, { maxItems: MAX_HOSTS }) });

/** Only what is used; a host of a later version may say more. */
const StatusAnswer = Type.Object({
  state: Type.Object({ kind: Type.String({ maxLength: 40 }) }),
  sentence: Type.String({ maxLength: 4_000 }),
  coordinator: Type.Union([Type.String({ maxLength: 1_000 }), Type.Null()]),
  shard: Type.Union([
    Type.Object({
      friendlyName: Type.String({ maxLength: 400 }),
      range: Type.Object({ layer_start: Type.Integer(), layer_end: Type.Integer() }),
      totalLayers: Type.Integer(),
    }),
    Type.Null(),
  ]),
  tokensPerSecond: Type.Union([Type.Number(), Type.Null()]),
  requestsActive: Type.Integer(),
  requestsServed: Type.Integer(),
  balanceMicroGft: Type.Union([Type.Integer(), Type.Null()]),
});
const LogAnswer = Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: 1_000 });

/** Reads the list of paired computers. A damaged one is empty: the computers must be paired again. */
export async function loadHosts(path: string, log: Log): Promise<readonly PairedHost[]> {
  const reading = await readJsonDocument(path);
  if (reading.kind === 'read' && Value.Check(HostsDocument, reading.value)) return reading.value.hosts;
  if (reading.kind !== 'absent') log.warn({}, 'the list of paired computers could not be used and begins anew');
  return [];
}

export interface HostsServiceOptions {
  readonly hosts: readonly PairedHost[];
  readonly store: DocumentStore;
  /** Keeps the key by which hosts know this app. */
  readonly secretStore: SecretStore;
  /** Name of this computer, for the lists of the hosts. */
  readonly name: string;
  readonly newId: () => string;
}

/** The person's other machines: headless nodes that were paired with this app, seen and steered from its window. */
export class HostsService {
  readonly #options: HostsServiceOptions;
  #hosts: readonly PairedHost[];
  readonly #links = new Map<string, Promise<Result<RemoteLink>>>();
  readonly #seen = new Map<string, { status: HostStatus | null; failure: Failure | null }>();

  constructor(options: HostsServiceOptions) {
    this.#options = options;
    this.#hosts = options.hosts;
  }

  /** Every paired computer, asked now. */
  async list(): Promise<readonly HostView[]> {
    await Promise.all(this.#hosts.map((host) => this.#ask(host, { kind: 'status' })));
    return this.#views();
  }

  async pair(address: string, code: string): Promise<Result<readonly HostView[]>> {
    if (this.#hosts.length >= MAX_HOSTS) return mainFailure('host-refused', `At most ${MAX_HOSTS} computers are kept.`);
    const identity = await openIdentity(this.#options.secretStore);
    if (!identity.ok) return identity;
    const place = address.trim();
    const { name, newId } = this.#options;
    const paired = await connectToHost(place, { kind: 'pair', code }, { identity: identity.value, name });
    if (!paired.ok) return paired;
    const link = paired.value;
    const known = this.#hosts.find(({ hostKey }) => hostKey === link.hostKey);
    const host: PairedHost = {
      id: known?.id ?? newId(),
      name: link.hostName,
      address: place,
      hostKey: link.hostKey,
    };
    this.#keep(host.id, Promise.resolve(success(link)));
    const saved = this.#save([...this.#hosts.filter(({ id }) => id !== host.id), host]);
    if (!saved.ok) return saved;
    return success(await this.list());
  }

  async pause(id: string, minutes: number | null): Promise<Result<readonly HostView[]>> {
    return this.#steer(id, { kind: 'pause', minutes });
  }

  async resume(id: string): Promise<Result<readonly HostView[]>> {
    return this.#steer(id, { kind: 'resume' });
  }

  async log(id: string): Promise<Result<readonly string[]>> {
    const host = this.#find(id);
    if (host === undefined) return unknownHost();
    const answer = await this.#call(host, { kind: 'log', lines: LOG_LINES });
    if (!answer.ok) return answer;
    return Value.Check(LogAnswer, answer.value) ? success(answer.value) : unreadable(host);
  }

  async unpair(id: string): Promise<Result<readonly HostView[]>> {
    const host = this.#find(id);
    if (host === undefined) return unknownHost();
    // One that is gone cannot be told; its own list names a key that this app no longer uses for it.
    await this.#call(host, { kind: 'unpair' });
    this.#drop(id);
    this.#seen.delete(id);
    const saved = this.#save(this.#hosts.filter((one) => one.id !== id));
    return saved.ok ? success(this.#views()) : saved;
  }

  close(): void {
    for (const id of this.#links.keys()) this.#drop(id);
  }

  #find(id: string): PairedHost | undefined {
    return this.#hosts.find((host) => host.id === id);
  }

  #views(): readonly HostView[] {
    return this.#hosts.map(({ id, name, address }) => ({
      id,
      name,
      address,
      ...(this.#seen.get(id) ?? { status: null, failure: null }),
    }));
  }

  async #steer(id: string, call: Parameters<RemoteLink['call']>[0]): Promise<Result<readonly HostView[]>> {
    const host = this.#find(id);
    if (host === undefined) return unknownHost();
    const done = await this.#ask(host, call);
    return done.ok ? success(this.#views()) : done;
  }

  /** A call whose answer is the host's state. */
  async #ask(host: PairedHost, call: Parameters<RemoteLink['call']>[0]): Promise<Result<unknown>> {
    const answer = await this.#call(host, call);
    const checked = answer.ok && !Value.Check(StatusAnswer, answer.value) ? unreadable(host) : answer;
    this.#seen.set(
      host.id,
      checked.ok
        ? { status: statusOf(checked.value as RemoteStatus), failure: null }
        : { status: null, failure: checked.error },
    );
    return checked;
  }

  async #call(host: PairedHost, call: Parameters<RemoteLink['call']>[0]): Promise<Result<unknown>> {
    const link = await this.#linkTo(host);
    return link.ok ? link.value.call(call) : link;
  }

  #linkTo(host: PairedHost): Promise<Result<RemoteLink>> {
    const open = this.#links.get(host.id);
    if (open !== undefined) return open;
    const link = this.#connect(host);
    this.#keep(host.id, link);
    return link;
  }

  async #connect({ address, hostKey }: PairedHost): Promise<Result<RemoteLink>> {
    const identity = await openIdentity(this.#options.secretStore);
    if (!identity.ok) return identity;
    return connectToHost(address, { kind: 'steer', hostKey }, { identity: identity.value, name: this.#options.name });
  }

  /** Keeps a connection for the next call; one that ends or did not come about is forgotten. */
  #keep(id: string, link: Promise<Result<RemoteLink>>): void {
    this.#links.set(id, link);
    const forget = (): void => {
      if (this.#links.get(id) === link) this.#links.delete(id);
    };
    void link.then((opened) => (opened.ok ? opened.value.closed.then(forget) : forget()));
  }

  #drop(id: string): void {
    void this.#links.get(id)?.then((link) => link.ok && link.value.close());
    this.#links.delete(id);
  }

  #save(hosts: readonly PairedHost[]): Result<void> {
    const saved = this.#options.store.write({ hosts });
    if (saved.ok) this.#hosts = hosts;
    return saved;
  }
}

function statusOf(status: RemoteStatus): HostStatus {
  const { sentence, coordinator, shard, tokensPerSecond, requestsActive, requestsServed, balanceMicroGft } = status;
  return {
    // A host of a later version may be in a state this one has no words for.
    state: Value.Check(NodeState, status.state) ? status.state : null,
    sentence,
    coordinator,
    model: shard?.friendlyName ?? null,
    layers:
      shard === null ? null : { first: shard.range.layer_start, last: shard.range.layer_end, total: shard.totalLayers },
    tokensPerSecond,
    requestsActive,
    requestsServed,
    balanceMicroGft,
  };
}

function unknownHost(): Result<never> {
  return mainFailure('host-refused', 'This computer is not on the list any more.');
}

function unreadable({ name }: PairedHost): Result<never> {
  return mainFailure('host-refused', `${name} answered something this app does not understand.`, {
    suggestion: 'Bring both to the same version.',
  });
}
