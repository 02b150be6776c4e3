import { SESSION_CALLS } from '../../../contract/sessions';
import { success, type Failure } from '../../../protocol/result';
import { writeFileAtomically } from '../../storage/atomic-file';
import type { SessionsService } from '../../services/sessions/sessions-service';
import type { CallRegistry } from '../call-registry';

/** Files people give to others are readable by them. */
const EXPORT_MODE = 0o644;

export interface SessionCallDependencies {
  readonly sessions: SessionsService;
  /** Opens the system's dialog for a file to write; null when it was closed. */
  readonly pickFile: (proposedName: string, ending: string) => Promise<string | null>;
}

/** Answers every call of sessions with the reason why there are none. */
export function refuseSessionCalls(calls: CallRegistry, error: Failure): void {
  for (const channel of Object.keys(SESSION_CALLS) as (keyof typeof SESSION_CALLS)[]) {
    calls.registerCall(channel, () => ({ ok: false, error }));
  }
}

export function registerSessionCalls(calls: CallRegistry, { sessions, pickFile }: SessionCallDependencies): void {
  calls.registerCall('sessions:list', () => success(sessions.list()));
  calls.registerCall('sessions:get', ({ sessionId }) => sessions.view(sessionId));
  calls.registerCall('sessions:create', (input) => sessions.create(input));
  calls.registerCall('sessions:join', ({ link, displayName, accessToken }) =>
    sessions.join(link, displayName, accessToken),
  );
  calls.registerCall('sessions:cancel-join', () => {
    sessions.cancelJoin();
    return success(null);
  });
  calls.registerCall('sessions:decline-offer', ({ sessionId }) => sessions.declineOffer(sessionId));
  calls.registerCall('sessions:post', (input) => sessions.post(input));
  calls.registerCall('sessions:typing', ({ sessionId, typing }) => sessions.typing(sessionId, typing));
  calls.registerCall('sessions:mark-read', ({ sessionId, seq }) => sessions.markRead(sessionId, seq));
  calls.registerCall('sessions:forget-refused', ({ sessionId, turnId }) => sessions.forgetRefused(sessionId, turnId));
  calls.registerCall('sessions:invite', ({ sessionId, ...terms }) => sessions.invite(sessionId, terms));
  calls.registerCall('sessions:invitations', ({ sessionId }) => sessions.client.invitations(sessionId));
  calls.registerCall('sessions:withdraw', async ({ sessionId, invitationId }) => {
    const withdrawn = await sessions.client.withdraw(sessionId, invitationId);
    return withdrawn.ok ? success(null) : withdrawn;
  });
  calls.registerCall('sessions:set-role', ({ sessionId, participantId, role }) =>
    sessions.setRole(sessionId, participantId, role),
  );
  calls.registerCall('sessions:close', ({ sessionId }) => sessions.close(sessionId));
  calls.registerCall('sessions:leave', ({ sessionId }) => sessions.leave(sessionId));
  calls.registerCall('sessions:forget', ({ sessionId }) => sessions.forget(sessionId));
  calls.registerCall('sessions:set-model', ({ sessionId, modelId, rule }) =>
    sessions.setModel(sessionId, modelId, rule),
  );
  calls.registerCall('sessions:ask-model', ({ sessionId, inReplyTo }) => sessions.askModel(sessionId, inReplyTo));
  calls.registerCall('sessions:stop-model', ({ sessionId }) => sessions.stopModel(sessionId));
  calls.registerCall('sessions:estimate', ({ sessionId }) => sessions.estimate(sessionId));
  calls.registerCall('sessions:statement', ({ sessionId }) => sessions.statement(sessionId));
  calls.registerCall('sessions:files', ({ sessionId }) => sessions.files(sessionId));
  calls.registerCall('sessions:save-file', async ({ sessionId, turnId, part }) => {
    const file = sessions.file(sessionId, turnId, part);
    if (!file.ok) return file;
    const path = await pickFile(file.value.name, '*');
    if (path === null) return success(null);
    const written = await writeFileAtomically(path, file.value.bytes, 'The file', EXPORT_MODE);
    return written.ok ? success({ path }) : written;
  });
  calls.registerCall('sessions:export', async ({ sessionId, what }) => {
    const file = await sessions.exportText(sessionId, what);
    if (!file.ok) return file;
    const path = await pickFile(file.value.name, 'json');
    if (path === null) return success(null);
    const written = await writeFileAtomically(path, file.value.text, 'The export', EXPORT_MODE);
    return written.ok ? success({ path }) : written;
  });
}
