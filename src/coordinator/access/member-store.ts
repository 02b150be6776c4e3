import type { Selectable } from 'kysely';
import { Compile } from 'typebox/compile';
import { MemberRoles, type MemberRole } from '../../protocol/compute/http/access';
import { success } from '../../protocol/result';
import { timestampOf, type Clock, type Random } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import type { AccessInvitationTable, AccessMemberTable } from './access-tables';
import type { Membership, MembershipSource } from './membership';
import { invitationCode, normalizedCode, secretHash } from './secrets';

export type MemberRow = Selectable<AccessMemberTable>;
export type InvitationRow = Selectable<AccessInvitationTable>;

/** What an administrator decides about an invitation. */
export interface InvitationDraft {
  readonly roles: readonly MemberRole[];
  readonly maxUses: number;
  readonly expiresAtMs: number;
  readonly note: string;
  /** Who made it: a public key, or `administrator token`. */
  readonly createdBy: string;
}

const HINT_LENGTH = 5;
/** Rows in one answer; an institution has thousands of members, a screen shows pages. */
const MAX_LISTED = 1_000;

const rolesChecker = Compile(MemberRoles);

/** Roles as they were stored; damaged text gives none. */
export function storedRoles(json: string): readonly MemberRole[] {
  const parsed: unknown = JSON.parse(json);
  return rolesChecker.Check(parsed) ? parsed : [];
}

/** Members and invitations in the database. */
export class MemberStore implements MembershipSource {
  readonly name = 'members';

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  find(publicKey: string, source: Database | DatabaseTransaction = this.database): Promise<MemberRow | undefined> {
    return source.selectFrom('access_members').selectAll().where('public_key', '=', publicKey).executeTakeFirst();
  }

  async membershipOf(publicKey: string): Promise<Membership | null> {
    const row = await this.find(publicKey);
    if (row === undefined || row.state !== 'active') return null;
    const reason = row.invitation_id === null ? 'added by an administrator' : `invitation ${row.invitation_id}`;
    return { roles: storedRoles(row.roles_json), reason };
  }

  async isBlocked(publicKey: string): Promise<boolean> {
    return (await this.find(publicKey))?.state === 'blocked';
  }

  members(): Promise<MemberRow[]> {
    return this.database.selectFrom('access_members').selectAll().orderBy('joined_at').limit(MAX_LISTED).execute();
  }

  /** Adds a member or changes one. */
  async put(
    publicKey: string,
    member: Pick<MemberRow, 'state' | 'note'> & { roles: readonly MemberRole[] },
  ): Promise<void> {
    const now = timestampOf(this.clock.nowMs());
    const changed = {
      roles_json: JSON.stringify(member.roles),
      state: member.state,
      note: member.note,
      changed_at: now,
    };
    await this.database
      .insertInto('access_members')
      .values({ public_key: publicKey, invitation_id: null, joined_at: now, ...changed })
      .onConflict((conflict) => conflict.column('public_key').doUpdateSet(changed))
      .execute();
  }

  /** False when there is no such member. */
  async remove(publicKey: string): Promise<boolean> {
    const removed = await this.database
      .deleteFrom('access_members')
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    return removed.numDeletedRows > 0;
  }

  invitations(): Promise<InvitationRow[]> {
    return this.database
      .selectFrom('access_invitations')
      .selectAll()
      .orderBy('created_at', 'desc')
      .limit(MAX_LISTED)
      .execute();
  }

  /** Makes an invitation. The code is shown this once; only its hash is kept. */
  async invite(draft: InvitationDraft): Promise<{ readonly code: string; readonly row: InvitationRow }> {
    const code = invitationCode((length) => this.random.bytes(length));
    const row: InvitationRow = {
      id: this.random.uuid(),
      code_hash: secretHash(normalizedCode(code)),
      hint: code.slice(0, HINT_LENGTH),
      roles_json: JSON.stringify(draft.roles),
      note: draft.note,
      max_uses: draft.maxUses,
      uses: 0,
      created_by: draft.createdBy,
      created_at: timestampOf(this.clock.nowMs()),
      expires_at: timestampOf(draft.expiresAtMs),
      revoked_at: null,
    };
    await this.database.insertInto('access_invitations').values(row).execute();
    return { code, row };
  }

  /** Ends an invitation; members who came with it stay. False when there is none, or it was ended before. */
  async revokeInvitation(id: string): Promise<boolean> {
    const revoked = await this.database
      .updateTable('access_invitations')
      .set({ revoked_at: timestampOf(this.clock.nowMs()) })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    return revoked.numUpdatedRows > 0;
  }

  /**
   * Redeems a code for a key. Counting the use and adding the member is one transaction, so a code for one person lets
   * one person in however many try at once. A member keeps what it has and gains the invitation's roles; redeeming the
   * same code again changes nothing. Fails with `invitation-invalid` (the same for wrong, used up, expired and revoked
   * codes, so that trying tells nothing) or `access-blocked`.
   */
  async redeem(publicKey: string, code: string): Promise<CoordinatorResult<void>> {
    const now = timestampOf(this.clock.nowMs());
    return this.database.transaction().execute(async (transaction) => {
      const hash = secretHash(normalizedCode(code));
      const invitation = await transaction
        .selectFrom('access_invitations')
        .selectAll()
        .where('code_hash', '=', hash)
        .executeTakeFirst();
      const member = await this.find(publicKey, transaction);
      if (member?.state === 'blocked') return refuse('access-blocked', 'This key was shut out by an administrator.');
      if (invitation !== undefined && member?.invitation_id === invitation.id) return success(undefined);
      const counted = await transaction
        .updateTable('access_invitations')
        .set((build) => ({ uses: build('uses', '+', 1) }))
        .where('code_hash', '=', hash)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .whereRef('uses', '<', 'max_uses')
        .executeTakeFirst();
      if (invitation === undefined || counted.numUpdatedRows !== 1n) {
        return refuse('invitation-invalid', 'This invitation code is wrong, used up or no longer valid.', {
          suggestion: 'Check the code, or ask whoever gave it to you for a new one.',
        });
      }
      const roles = [...new Set([...storedRoles(member?.roles_json ?? '[]'), ...storedRoles(invitation.roles_json)])];
      const changed = { roles_json: JSON.stringify(roles), invitation_id: invitation.id, changed_at: now };
      await transaction
        .insertInto('access_members')
        .values({ public_key: publicKey, state: 'active', note: invitation.note, joined_at: now, ...changed })
        .onConflict((conflict) => conflict.column('public_key').doUpdateSet(changed))
        .execute();
      return success(undefined);
    });
  }
}
