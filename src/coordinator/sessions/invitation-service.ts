import { success } from '../../protocol/result';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { refuseInSession, type SessionResult } from '../../protocol/session/session-host';
import type { MessageOf, ParticipantMessage } from '../../protocol/wire/messages';
import type { InvitationView, MadeInvitation } from '../../protocol/wire/session-messages';
import { timestampOf, type Clock, type Random } from '../clock';
import { codeHash, type GroupSessionService } from './group-session-service';
import type { GroupSessionStore } from './group-session-store';
import type { GroupInvitationTable } from './session-tables';

const DAY_MS = 86_400_000;
/** Crockford's base 32: no letters that look like digits, five bits each. */
const CODE_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 80 bits: nobody guesses one in the life of a session. */
const CODE_LENGTH = 16;
const CODE_GROUP = 4;

function viewOf(row: GroupInvitationTable): InvitationView {
  return {
    id: row.id,
    role: row.role,
    uses: row.max_uses,
    used: row.uses,
    expires_at: row.expires_at,
    created_at: row.created_at,
  };
}

/** Invitations to a session: made and withdrawn by its owner. Of a code only the hash is kept. */
export class InvitationService {
  constructor(
    private readonly sessions: GroupSessionService,
    private readonly store: GroupSessionStore,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  make(
    publicKey: string,
    call: MessageOf<ParticipantMessage, 'session-invite'>,
  ): Promise<SessionResult<MadeInvitation>> {
    const nowMs = this.clock.nowMs();
    const untilMs = Date.parse(call.expires_at);
    const latestMs = nowMs + SESSION_LIMITS.maxInvitationDays * DAY_MS;
    return this.store.locked(call.session_id, async (transaction, session): Promise<SessionResult<MadeInvitation>> => {
      const allowed = await this.sessions.allowed(transaction, session, publicKey, 'invite');
      if (!allowed.ok) return allowed;
      if (!(untilMs > nowMs && untilMs <= latestMs)) {
        return refuseInSession(
          'invitation-invalid',
          `An invitation ends between now and ${SESSION_LIMITS.maxInvitationDays} days from now.`,
        );
      }
      const open = await this.store.openInvitations(call.session_id, timestampOf(nowMs), transaction);
      if (open.length >= SESSION_LIMITS.maxInvitations) {
        return refuseInSession('limit-reached', 'This session has as many open invitations as it can have.', {
          suggestion: 'Withdraw one that is no longer needed.',
        });
      }
      const code = this.newCode();
      const row: GroupInvitationTable = {
        id: this.random.uuid(),
        session_id: call.session_id,
        code_hash: codeHash(code),
        role: call.role,
        max_uses: call.uses,
        uses: 0,
        created_at: timestampOf(nowMs),
        expires_at: timestampOf(untilMs),
        withdrawn_at: null,
      };
      await this.store.insertInvitation(transaction, row);
      return success({ invitation: viewOf(row), code });
    });
  }

  list(publicKey: string, sessionId: string): Promise<SessionResult<InvitationView[]>> {
    return this.store.locked(sessionId, async (transaction, session): Promise<SessionResult<InvitationView[]>> => {
      const allowed = await this.sessions.allowed(transaction, session, publicKey, 'invite');
      if (!allowed.ok) return allowed;
      const rows = await this.store.openInvitations(sessionId, timestampOf(this.clock.nowMs()), transaction);
      return success(rows.map(viewOf));
    });
  }

  withdraw(publicKey: string, sessionId: string, invitationId: string): Promise<SessionResult<null>> {
    return this.store.locked(sessionId, async (transaction, session): Promise<SessionResult<null>> => {
      const allowed = await this.sessions.allowed(transaction, session, publicKey, 'invite');
      if (!allowed.ok) return allowed;
      const now = timestampOf(this.clock.nowMs());
      const withdrawn = await this.store.withdrawInvitation(transaction, sessionId, invitationId, now);
      return withdrawn
        ? success(null)
        : refuseInSession('invitation-invalid', 'There is no open invitation with this id.');
    });
  }

  private newCode(): string {
    const characters = [...this.random.bytes(CODE_LENGTH)].map((byte) => CODE_ALPHABET[byte % CODE_ALPHABET.length]);
    const groups: string[] = [];
    for (let at = 0; at < CODE_LENGTH; at += CODE_GROUP) groups.push(characters.slice(at, at + CODE_GROUP).join(''));
    return groups.join('-');
  }
}
