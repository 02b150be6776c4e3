import { createHash } from 'node:crypto';
import { v7 } from 'uuid';
import { sessionDocument, type FollowedSession } from '../../../node';
import type { Attachment } from '../../../protocol/documents/attachment';
import type { Project } from '../../../protocol/project/project';
import { attachmentsOf } from './turn-files';

/** A session as a project of its own, with the agreement it stands on and the files of its turns beside it. */
export function sessionProject(session: FollowedSession, madeAt: string): Project {
  const { head, agreement } = session;
  const attachments = agreement === null ? [] : [agreementAttachment(agreement)];
  return {
    tore_spec: 'tore-0004',
    id: v7(),
    name: head.title,
    description: `Group session of ${session.participants.length} participants.`,
    instructions: '',
    conversations: [],
    sessions: [sessionDocument(session)],
    attachments: [...attachments, ...attachmentsOf(session.turns)],
    metadata: head.agreement_ref === null ? {} : { agreement_ref: head.agreement_ref },
    created_at: madeAt,
    updated_at: madeAt,
  };
}

function agreementAttachment(agreement: NonNullable<FollowedSession['agreement']>): Attachment {
  const bytes = Buffer.from(`${JSON.stringify(agreement, null, 2)}\n`, 'utf8');
  return {
    id: v7(),
    name: 'agreement.tore2-agreement.json',
    media_type: 'application/json',
    size_bytes: bytes.length,
    checksum: { algorithm: 'sha-256', value: createHash('sha256').update(bytes).digest('hex') },
    storage: 'inline',
    data: bytes.toString('base64'),
  };
}
