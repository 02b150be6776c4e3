import { toEpochMs } from '../../protocol/documents/time';
import type { Cryptography } from '../../protocol/signing/ed25519';
import type { Agreement, AgreementParty } from '../../protocol/trust/agreement';
import { checkShownAgreement, checkTermination } from '../../protocol/trust/agreement-standing';
import { refuseTrust, type TrustResult } from '../../protocol/trust/errors';
import { checkPartyKey } from '../../protocol/trust/key-link';
import { MAX_MEMBER_KEYS, readMembershipRequest, type MembershipRequest } from '../../protocol/trust/requests';
import { agreementHash, type TerminationNotice } from '../../protocol/trust/termination';
import { timestampOf, type Clock } from '../clock';
import type { Database } from '../storage/database-schema';

/** Honest parties never sign two agreements with one id; whoever does costs the host little. */
const MAX_AGREEMENTS_OF_ONE_ID = 20;

/** Keys whose agreements let somebody in. */
export interface InstitutionKeys {
  readonly institutionKeys: readonly string[];
}

/** What a key may do because of an agreement. */
export interface AgreementMembership {
  readonly roles: readonly ('node' | 'user')[];
  /** For administrators. */
  readonly reason: string;
}

/** What a party gets when its agreement is taken. */
export interface MembershipAnswer {
  readonly status: 'member';
  readonly agreement_id: string;
  /** Until when it lets in; null without an end. */
  readonly expires_at: string | null;
  readonly member_keys: readonly string[];
}

/** What the end of an agreement changed. */
export interface EndedMembership {
  readonly status: 'ended';
  readonly effective_at: string;
  /** Keys the agreement had let in. */
  readonly keys: readonly string[];
}

/**
 * Members by agreement (tore-0002, governance mode `institution`): a party that shows an agreement in force with this
 * institution is let in with the keys of its computers, until the agreement ends.
 */
export class AgreementMembers {
  readonly name = 'agreements';

  constructor(
    private readonly database: Database,
    private readonly coordinatorId: string,
    private readonly config: InstitutionKeys,
    private readonly clock: Clock,
    private readonly cryptography: Cryptography,
  ) {}

  /** What an agreement in force gives a key; null without one. Asked whenever the key comes to a door. */
  async membershipOf(publicKey: string): Promise<AgreementMembership | null> {
    const now = timestampOf(this.clock.nowMs());
    const row = await this.database
      .selectFrom('agreement_member_keys')
      .innerJoin('agreement_members', (join) =>
        join
          .onRef('agreement_members.agreement_id', '=', 'agreement_member_keys.agreement_id')
          .onRef('agreement_members.party_id', '=', 'agreement_member_keys.party_id'),
      )
      .select('agreement_members.party_name as name')
      .where('agreement_member_keys.public_key', '=', publicKey)
      .where('agreement_members.effective_at', '<=', now)
      .where((build) => build.or([build('expires_at', 'is', null), build('expires_at', '>', now)]))
      .where((build) => build.or([build('ended_at', 'is', null), build('ended_at', '>', now)]))
      .executeTakeFirst();
    return row === undefined ? null : { roles: ['node', 'user'], reason: `agreement with ${row.name}` };
  }

  /** Takes the agreement a party shows, and lets its keys in. */
  async show(value: unknown): Promise<TrustResult<MembershipAnswer>> {
    const nowMs = this.clock.nowMs();
    if (this.config.institutionKeys.length === 0) {
      return refuseTrust(
        'not-allowed',
        'This coordinator takes no agreements: its operator has named no institution key.',
      );
    }
    const read = readMembershipRequest(value, { coordinatorId: this.coordinatorId, nowMs }, this.cryptography);
    if (!read.ok) return read;
    const request = read.value;
    const agreement = checkShownAgreement(request.agreement, this.cryptography, nowMs);
    if (!agreement.ok) return agreement;
    const party = this.partyOf(agreement.value, request);
    if (!party.ok) return party;
    return this.store(agreement.value, party.value, request);
  }

  /** Ends the membership an agreement gave, by the notice of one of its parties. */
  async end(value: unknown): Promise<TrustResult<EndedMembership>> {
    const id: unknown =
      typeof value === 'object' && value !== null && 'agreement_id' in value ? value.agreement_id : null;
    const known = await this.agreementsBy(typeof id === 'string' ? id : '');
    let notice: TrustResult<TerminationNotice> = refuseTrust('record-unknown', 'No such agreement was shown here.');
    for (const agreement of known) {
      notice = checkTermination(value, agreement, this.cryptography);
      if (notice.ok) break;
    }
    if (!notice.ok) return notice;
    const endedAt = timestampOf(toEpochMs(notice.value.effective_at));
    const end = { agreement_hash: notice.value.agreement_hash, ended_at: endedAt };
    await this.database
      .insertInto('agreement_ends')
      .values(end)
      .onConflict((conflict) =>
        conflict
          .column('agreement_hash')
          .doUpdateSet({ ended_at: endedAt })
          // A later notice cannot put off what an earlier one ended.
          .where('agreement_ends.ended_at', '>', endedAt),
      )
      .execute();
    await this.database
      .updateTable('agreement_members')
      .set({ ended_at: endedAt })
      .where('agreement_id', '=', notice.value.agreement_id)
      .where('agreement_hash', '=', notice.value.agreement_hash)
      .where((build) => build.or([build('ended_at', 'is', null), build('ended_at', '>', endedAt)]))
      .execute();
    const keys = await this.database
      .selectFrom('agreement_member_keys')
      .select('public_key')
      .where('agreement_id', '=', notice.value.agreement_id)
      .execute();
    return {
      ok: true,
      value: { status: 'ended', effective_at: endedAt, keys: keys.map(({ public_key: key }) => key) },
    };
  }

  /** Agreements with an id that parties have shown here or that sessions here stand on. Two could carry one id. */
  private async agreementsBy(id: string): Promise<readonly Agreement[]> {
    const shown = await this.database
      .selectFrom('agreement_members')
      .select('agreement_json')
      .where('agreement_id', '=', id)
      .execute();
    const inSessions = await this.database
      .selectFrom('group_sessions')
      .select('agreement_json')
      .distinct()
      .where('agreement_ref', '=', id)
      .where('agreement_json', 'is not', null)
      .limit(MAX_AGREEMENTS_OF_ONE_ID)
      .execute();
    const texts = new Set([...shown, ...inSessions].map(({ agreement_json: text }) => text ?? ''));
    return [...texts].map((text) => JSON.parse(text) as Agreement);
  }

  /** The party of the agreement that asks; the institution itself must be another one. */
  private partyOf({ parties }: Agreement, request: MembershipRequest): TrustResult<AgreementParty> {
    const institution = new Set(this.config.institutionKeys);
    if (!parties.some(({ public_key: key }) => institution.has(key))) {
      return refuseTrust('agreement-foreign', 'The agreement is not with the institution of this coordinator.');
    }
    const party = parties.find(({ node_id: id, public_key: key }) => id === request.node_id && !institution.has(key));
    if (party === undefined) return refuseTrust('agreement-foreign', 'Whoever asks is no party of the agreement.');
    const own = checkPartyKey(party, request.public_key, request.key_links ?? [], this.cryptography);
    return own.ok ? { ok: true, value: party } : own;
  }

  private async store(
    agreement: Agreement,
    party: AgreementParty,
    request: MembershipRequest,
  ): Promise<TrustResult<MembershipAnswer>> {
    const hash = agreementHash(agreement, this.cryptography);
    if (!hash.ok) return hash;
    const { effective_at: from, expires_at: to } = agreement.terms;
    const expiresAt = typeof to === 'string' ? timestampOf(toEpochMs(to)) : null;
    const keys = [...new Set([request.public_key, ...request.member_keys])].slice(0, MAX_MEMBER_KEYS);
    return this.database.transaction().execute(async (transaction): Promise<TrustResult<MembershipAnswer>> => {
      const known = await transaction
        .selectFrom('agreement_members')
        .select(['agreement_hash', 'ended_at'])
        .where('agreement_id', '=', agreement.id)
        .execute();
      if (known.some((row) => row.agreement_hash !== hash.value)) {
        return refuseTrust('message-conflict', 'Another agreement was shown under this id.');
      }
      const endedAt = known.find((row) => row.ended_at !== null)?.ended_at ?? null;
      if (endedAt !== null && toEpochMs(endedAt) <= this.clock.nowMs()) {
        return refuseTrust('agreement-not-in-force', 'The agreement is not in force: one of its parties has ended it.');
      }
      const shownAt = timestampOf(this.clock.nowMs());
      await transaction
        .insertInto('agreement_members')
        .values({
          agreement_id: agreement.id,
          party_id: party.node_id,
          party_name: party.name,
          agreement_hash: hash.value,
          agreement_json: JSON.stringify(agreement),
          effective_at: timestampOf(toEpochMs(from)),
          expires_at: expiresAt,
          ended_at: endedAt,
          shown_at: shownAt,
        })
        .onConflict((conflict) => conflict.columns(['agreement_id', 'party_id']).doUpdateSet({ shown_at: shownAt }))
        .execute();
      const owner = { agreement_id: agreement.id, party_id: party.node_id };
      await transaction
        .deleteFrom('agreement_member_keys')
        .where('agreement_id', '=', owner.agreement_id)
        .where('party_id', '=', owner.party_id)
        .execute();
      await transaction
        .insertInto('agreement_member_keys')
        .values(keys.map((key) => ({ public_key: key, ...owner })))
        .execute();
      return {
        ok: true,
        value: { status: 'member', agreement_id: agreement.id, expires_at: expiresAt, member_keys: keys },
      };
    });
  }
}
