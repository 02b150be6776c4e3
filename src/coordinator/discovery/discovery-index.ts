import { sql, type ExpressionBuilder } from 'kysely';
import type { Cryptography } from '../../protocol/signing/ed25519';
import { toEpochMs } from '../../protocol/documents/time';
import { readOfferedRecord } from '../../protocol/trust/check-record';
import type { DiscoveryRecord } from '../../protocol/trust/discovery';
import type { DiscoveryPage, DiscoveryQuery, TermCount } from '../../protocol/trust/discovery-search';
import { refuseTrust, type TrustResult } from '../../protocol/trust/errors';
import { readWithdrawal } from '../../protocol/trust/requests';
import { TRUST_LIMITS } from '../../protocol/trust/trust-limits';
import { timestampOf, type Clock } from '../clock';
import type { CoordinatorTables, Database, DatabaseTransaction } from '../storage/database-schema';
import type { PartyKeys } from './party-keys';

/** Words of a text search that are looked at; each is a pass over the texts. */
const MAX_SEARCH_WORDS = 8;
/** Pairs of the taxonomy an index lists. */
const MAX_LISTED_TERMS = 1_000;

/** What became of a record that was offered. */
export interface Published {
  readonly record_id: string;
  readonly status: 'published' | 'renewed';
  readonly expires_at: string;
}

type Build = ExpressionBuilder<CoordinatorTables, 'discovery_records'>;

function searchTextOf({ node, capabilities }: DiscoveryRecord): string {
  const words = capabilities.flatMap(({ domain, subdomain, models, description }) => [
    domain,
    subdomain,
    ...(models ?? []),
    description ?? '',
  ]);
  return [node.display_name ?? '', node.institution ?? '', ...words].join('\n').toLowerCase();
}

/** A part of a text for `like … escape '!'`. */
function likePart(text: string): string {
  return `%${text.toLowerCase().replace(/[!%_]/g, '!$&')}%`;
}

function writeCursor(row: { readonly issued_at: string; readonly record_id: string }): string {
  return Buffer.from(JSON.stringify([row.issued_at, row.record_id]), 'utf8').toString('base64url');
}

function readCursor(cursor: string): readonly [string, string] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const isPair = Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
    return isPair ? (value as unknown as readonly [string, string]) : null;
  } catch {
    return null;
  }
}

/** Signed discovery records of parties: published, renewed, withdrawn, forgotten when they expire, and found. */
export class DiscoveryIndex {
  constructor(
    private readonly database: Database,
    private readonly coordinatorId: string,
    private readonly keys: PartyKeys,
    private readonly clock: Clock,
    private readonly cryptography: Cryptography,
  ) {}

  /** Takes a record, or a newer version of one. `links` lead from a key known here to the one that signed. */
  async publish(value: unknown, links: readonly unknown[]): Promise<TrustResult<Published>> {
    const read = readOfferedRecord(value, this.cryptography, this.clock.nowMs());
    if (!read.ok) return read;
    const record = read.value;
    const claim = { nodeId: record.node.node_id, publicKey: record.node.public_key, links };
    return this.database.transaction().execute(async (transaction): Promise<TrustResult<Published>> => {
      const claimed = await this.keys.claim(transaction, claim);
      if (!claimed.ok) return claimed;
      const known = await transaction
        .selectFrom('discovery_records')
        .select(['node_id', 'issued_at', 'withdrawn_at'])
        .where('record_id', '=', record.id)
        .executeTakeFirst();
      const refused =
        known === undefined ? await this.mayAdd(transaction, claim.nodeId) : this.mayReplace(known, record);
      if (!refused.ok) return refused;
      await this.write(transaction, record);
      const status = known === undefined ? 'published' : 'renewed';
      return { ok: true, value: { record_id: record.id, status, expires_at: record.expires_at } };
    });
  }

  /** Takes a record out by its party's signed request. */
  async withdraw(value: unknown): Promise<TrustResult<{ readonly record_id: string; readonly status: 'withdrawn' }>> {
    const at = { coordinatorId: this.coordinatorId, nowMs: this.clock.nowMs() };
    const read = readWithdrawal(value, at, this.cryptography);
    if (!read.ok) return read;
    const { record_id: recordId, node_id: nodeId, public_key: publicKey, key_links: links } = read.value;
    return this.database.transaction().execute(async (transaction) => {
      const claimed = await this.keys.claim(transaction, { nodeId, publicKey, links: links ?? [] });
      if (!claimed.ok) return claimed;
      const withdrawn = await transaction
        .updateTable('discovery_records')
        .set({ withdrawn_at: timestampOf(toEpochMs(read.value.issued_at)) })
        .where('record_id', '=', recordId)
        .where('node_id', '=', nodeId)
        .returning('record_id')
        .executeTakeFirst();
      return withdrawn === undefined
        ? refuseTrust('record-unknown', 'This party has no such record here.')
        : { ok: true as const, value: { record_id: recordId, status: 'withdrawn' as const } };
    });
  }

  /** A record in date, or null. */
  async find(recordId: string): Promise<DiscoveryRecord | null> {
    const row = await this.inDate().select('record_json').where('record_id', '=', recordId).executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.record_json) as DiscoveryRecord);
  }

  /** Records in date that fit, newest first. */
  async search(query: DiscoveryQuery): Promise<DiscoveryPage> {
    const after = query.cursor === undefined ? null : readCursor(query.cursor);
    const rows = await this.inDate()
      .select(['record_json', 'issued_at', 'record_id'])
      .where((build) => build.and(this.conditions(build, query)))
      .$if(after !== null, (select) =>
        select.where((build) =>
          build.or([
            build('issued_at', '<', after?.[0] ?? ''),
            build.and([build('issued_at', '=', after?.[0] ?? ''), build('record_id', '<', after?.[1] ?? '')]),
          ]),
        ),
      )
      .orderBy('issued_at', 'desc')
      .orderBy('record_id', 'desc')
      .limit(query.limit + 1)
      .execute();
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      records: page.map((row) => JSON.parse(row.record_json) as DiscoveryRecord),
      next: rows.length > query.limit && last !== undefined ? writeCursor(last) : null,
    };
  }

  /** Records in date of one party, newest first. */
  async ofParty(nodeId: string, limit: number): Promise<DiscoveryRecord[]> {
    const rows = await this.inDate()
      .select('record_json')
      .where('node_id', '=', nodeId)
      .orderBy('issued_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => JSON.parse(row.record_json) as DiscoveryRecord);
  }

  /** Which pairs of the taxonomy records in date use, also those no table knows. */
  async terms(): Promise<TermCount[]> {
    return this.inDate()
      .innerJoin('discovery_capabilities', 'discovery_capabilities.record_id', 'discovery_records.record_id')
      .select((build) => ['domain', 'subdomain', build.fn.countAll<number>().as('records')])
      .groupBy(['domain', 'subdomain'])
      .orderBy('domain')
      .orderBy('subdomain')
      .limit(MAX_LISTED_TERMS)
      .execute()
      .then((rows) => rows.map((row) => ({ ...row, records: Number(row.records) })));
  }

  /** Forgets what expired. Withdrawn records go then as well: nobody can bring an expired one back. */
  async prune(nowMs: number): Promise<void> {
    await this.database.deleteFrom('discovery_records').where('expires_at', '<=', timestampOf(nowMs)).execute();
  }

  private inDate() {
    return this.database
      .selectFrom('discovery_records')
      .where('withdrawn_at', 'is', null)
      .where('expires_at', '>', timestampOf(this.clock.nowMs()));
  }

  private conditions(build: Build, query: DiscoveryQuery) {
    const { domain, subdomain, model, institution, governance_mode: mode, text } = query;
    const words = (text ?? '').split(/\s+/).filter(Boolean).slice(0, MAX_SEARCH_WORDS);
    const capability = build
      .selectFrom('discovery_capabilities')
      .select('discovery_capabilities.record_id')
      .whereRef('discovery_capabilities.record_id', '=', 'discovery_records.record_id')
      .$if(domain !== undefined, (select) => select.where('domain', '=', domain ?? ''))
      .$if(subdomain !== undefined, (select) => select.where('subdomain', '=', subdomain ?? ''));
    const served = build
      .selectFrom('discovery_models')
      .select('discovery_models.record_id')
      .whereRef('discovery_models.record_id', '=', 'discovery_records.record_id')
      .where(sql<boolean>`lower(discovery_models.model) like ${likePart(model ?? '')} escape '!'`);
    return [
      ...(domain === undefined && subdomain === undefined ? [] : [build.exists(capability)]),
      ...(model === undefined ? [] : [build.exists(served)]),
      ...(mode === undefined ? [] : [build('governance_mode', '=', mode)]),
      ...(institution === undefined ? [] : [sql<boolean>`institution like ${likePart(institution)} escape '!'`]),
      ...words.map((word) => sql<boolean>`search_text like ${likePart(word)} escape '!'`),
    ];
  }

  private async mayAdd(transaction: DatabaseTransaction, nodeId: string): Promise<TrustResult<void>> {
    const { records } = await transaction
      .selectFrom('discovery_records')
      .select((build) => build.fn.countAll<number>().as('records'))
      .where('node_id', '=', nodeId)
      .executeTakeFirstOrThrow();
    return Number(records) < TRUST_LIMITS.maxRecordsPerKey
      ? { ok: true, value: undefined }
      : refuseTrust(
          'quota-exceeded',
          `A party may have ${TRUST_LIMITS.maxRecordsPerKey} records here, withdrawn ones included.`,
          {
            suggestion: 'Renew one that is there.',
          },
        );
  }

  private mayReplace(
    known: { readonly node_id: string; readonly issued_at: string; readonly withdrawn_at: string | null },
    record: DiscoveryRecord,
  ): TrustResult<void> {
    if (known.node_id !== record.node.node_id) {
      return refuseTrust('wrongly-addressed', 'A record with this id belongs to another party.');
    }
    const issuedMs = toEpochMs(record.issued_at);
    if (issuedMs <= toEpochMs(known.issued_at)) {
      return refuseTrust('message-replayed', 'This record, or a newer version of it, was published already.');
    }
    if (known.withdrawn_at !== null && issuedMs <= toEpochMs(known.withdrawn_at)) {
      return refuseTrust('message-replayed', 'This record was withdrawn after it was issued.', {
        suggestion: 'Its party signs a new version to publish it again.',
      });
    }
    return { ok: true, value: undefined };
  }

  private async write(transaction: DatabaseTransaction, record: DiscoveryRecord): Promise<void> {
    const { id, node, capabilities } = record;
    await transaction.deleteFrom('discovery_records').where('record_id', '=', id).execute();
    await transaction
      .insertInto('discovery_records')
      .values({
        record_id: id,
        node_id: node.node_id,
        public_key: node.public_key,
        governance_mode: record.governance_mode,
        institution: (node.institution ?? '').toLowerCase(),
        search_text: searchTextOf(record),
        issued_at: timestampOf(toEpochMs(record.issued_at)),
        expires_at: timestampOf(toEpochMs(record.expires_at)),
        withdrawn_at: null,
        record_json: JSON.stringify(record),
      })
      .execute();
    const pairs = new Map(capabilities.map((one) => [`${one.domain}\n${one.subdomain}`, one]));
    const terms = [...pairs.values()].map(({ domain, subdomain }) => ({ record_id: id, domain, subdomain }));
    if (terms.length > 0) await transaction.insertInto('discovery_capabilities').values(terms).execute();
    const models = [...new Set(capabilities.flatMap((one) => one.models ?? []))];
    const served = models.map((model) => ({ record_id: id, model }));
    if (served.length > 0) await transaction.insertInto('discovery_models').values(served).execute();
  }
}
