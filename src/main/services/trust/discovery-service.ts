import { v7 as uuidV7 } from 'uuid';
import type { CallInput } from '../../../contract/calls';
import type { OwnRecordView, RecordDraft, RecordView } from '../../../contract/trust';
import { nodeCryptography } from '../../../keys/ed25519';
import { failure, success, type Result } from '../../../protocol/result';
import { signDiscoveryRecord } from '../../../protocol/signing/sign-document';
import { verifyDiscoveryRecord } from '../../../protocol/signing/verify-document';
import { isExpired, validateDiscoveryRecord } from '../../../protocol/trust/check-discovery';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import type { DiscoveryRecord } from '../../../protocol/trust/discovery';
import type { TermCount } from '../../../protocol/trust/discovery-search';
import { signStatement } from '../../../protocol/trust/statement';
import { isoTime, type Timers } from '../timers';
import { noKey } from './party-key';
import type { ConnectedParty } from './trust-connection';
import type { StateFile } from './trust-folder';

const DAY_MS = 86_400_000;
/** A published record is signed again when less than this part of its life is left. */
const RENEW_BELOW = 0.25;

export interface DiscoveryServiceOptions {
  readonly writer: () => MessageWriter | null;
  readonly connection: () => Result<ConnectedParty>;
  readonly state: () => StateFile;
  readonly keep: (change: Partial<StateFile>) => Promise<Result<void>>;
  readonly onChange: () => void;
  readonly timers: Timers;
}

/** The own record, and the records of others. */
export class DiscoveryService {
  readonly #options: DiscoveryServiceOptions;

  constructor(options: DiscoveryServiceOptions) {
    this.#options = options;
  }

  own(): OwnRecordView {
    const { record, published } = this.#options.state();
    return { record, published };
  }

  /** A record with its signature checked now. */
  view(record: DiscoveryRecord): RecordView {
    const { writer, timers } = this.#options;
    return {
      record,
      keyId: nodeCryptography.keyIdOf(record.node.public_key),
      signature: verifyDiscoveryRecord(record, nodeCryptography).ok ? 'holds' : 'broken',
      isExpired: isExpired(record, timers.now()),
      isOwn: record.node.node_id === writer()?.nodeId,
    };
  }

  /** Finds records. What a coordinator gives that is no record is left out; what is not signed well is shown as such. */
  async search(
    query: CallInput<'discovery:search'>,
  ): Promise<Result<{ readonly records: readonly RecordView[]; readonly next: string | null }>> {
    const connected = this.#options.connection();
    if (!connected.ok) return connected;
    const page = await connected.value.client.search(query);
    if (!page.ok) return page;
    const records = page.value.records.flatMap((value) => {
      const valid = validateDiscoveryRecord(value);
      return valid.ok ? [this.view(valid.value)] : [];
    });
    return success({ records, next: page.value.next });
  }

  async terms(): Promise<Result<readonly TermCount[]>> {
    const connected = this.#options.connection();
    return connected.ok ? connected.value.client.terms() : connected;
  }

  /** Signs the record and puts it into the index. It is kept even where there is no index now. */
  async publish(draft: RecordDraft): Promise<Result<null>> {
    const writer = this.#options.writer();
    if (writer === null) return noKey();
    const signed = signDiscoveryRecord(this.#unsigned(draft, writer), writer.signer, nodeCryptography);
    if (!signed.ok) return signed;
    return this.#offer(signed.value, writer);
  }

  async withdraw(): Promise<Result<null>> {
    const { writer: writerOf, connection, state, keep, timers, onChange } = this.#options;
    const writer = writerOf();
    if (writer === null) return noKey();
    const { record } = state();
    if (record === null) return failure('record-missing', 'There is no record of this party.');
    const connected = connection();
    if (!connected.ok) return connected;
    const request = {
      tore_spec: 'tore-0002',
      type: 'discovery-withdrawal',
      coordinator_id: connected.value.coordinatorId,
      node_id: writer.nodeId,
      public_key: writer.signer.publicKey,
      ...(writer.keyLinks.length === 0 ? {} : { key_links: writer.keyLinks }),
      record_id: record.id,
      issued_at: isoTime(timers.now()),
    };
    const withdrawn = await connected.value.client.withdraw(signStatement(request, writer.signer, nodeCryptography));
    if (!withdrawn.ok && withdrawn.error.code !== 'record-unknown') return withdrawn;
    const kept = await keep({ published: false });
    onChange();
    return kept.ok ? success(null) : kept;
  }

  /** Signs the published record again before it expires, or after the key or the name changed. */
  async renew(): Promise<void> {
    const { writer: writerOf, state, timers, connection } = this.#options;
    const writer = writerOf();
    const { record, published } = state();
    if (writer === null || record === null || !published || !connection().ok) return;
    const [issuedMs, expiresMs] = [Date.parse(record.issued_at), Date.parse(record.expires_at)];
    const isCurrent =
      record.node.public_key === writer.signer.publicKey &&
      record.node.display_name === writer.name &&
      (record.node.institution ?? null) === writer.institution;
    if (isCurrent && expiresMs - timers.now() > (expiresMs - issuedMs) * RENEW_BELOW) return;
    const nowMs = timers.now();
    const node = { ...record.node, ...nodeOf(writer) };
    const times = { issued_at: isoTime(nowMs), expires_at: isoTime(nowMs + expiresMs - issuedMs) };
    const signed = signDiscoveryRecord({ ...record, node, ...times }, writer.signer, nodeCryptography);
    if (signed.ok) await this.#offer(signed.value, writer);
  }

  async #offer(record: DiscoveryRecord, writer: MessageWriter): Promise<Result<null>> {
    const { connection, keep, onChange } = this.#options;
    const kept = await keep({ record, published: false });
    if (!kept.ok) return kept;
    onChange();
    const connected = connection();
    if (!connected.ok) return connected;
    const published = await connected.value.client.publish(record, writer.keyLinks);
    if (!published.ok) return published;
    const noted = await keep({ published: true });
    onChange();
    return noted.ok ? success(null) : noted;
  }

  #unsigned(draft: RecordDraft, writer: MessageWriter) {
    const nowMs = this.#options.timers.now();
    const { record } = this.#options.state();
    const { quota } = draft;
    return {
      tore_spec: 'tore-0002' as const,
      type: 'discovery' as const,
      // The same record in a newer version, as long as it is the same party's.
      id: record?.node.node_id === writer.nodeId ? record.id : uuidV7(),
      node: nodeOf(writer),
      capabilities: draft.capabilities.map(({ domain, subdomain, models, description }) => ({
        domain,
        subdomain,
        ...(models.length === 0 ? {} : { models: [...models] }),
        ...(description === '' ? {} : { description }),
      })),
      endpoints: [],
      governance_mode: draft.governanceMode,
      challenge_policy:
        quota === null
          ? { accepts: false }
          : { accepts: true, quota: { count: quota.count, window_seconds: quota.windowSeconds } },
      ...(draft.availability === '' ? {} : { availability: draft.availability }),
      issued_at: isoTime(nowMs),
      expires_at: isoTime(nowMs + draft.lifetimeDays * DAY_MS),
      metadata: {},
    };
  }
}

function nodeOf({ nodeId, signer, name, institution }: MessageWriter) {
  return { node_id: nodeId, public_key: signer.publicKey, display_name: name, institution };
}
