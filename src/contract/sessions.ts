import { Type, type Static } from 'typebox';
import type { AgreementTotals, CheckedLine, SessionStatement } from '../protocol/session/session-costs';
import type { SessionParticipant, Turn } from '../protocol/session/session';
import type { PostedTurn, SessionRole } from '../protocol/session/session-host';
import type { Failure } from '../protocol/result';
import type { Agreement } from '../protocol/trust/agreement';
import type { InvitationView, Presence, SessionHead } from '../protocol/wire/session-messages';

/** When a participant's model answers. */
export const AnswerRule = Type.Union([
  Type.Literal('asked'),
  Type.Literal('mention'),
  Type.Literal('every-turn'),
  Type.Literal('moderator'),
]);
export type AnswerRule = Static<typeof AnswerRule>;

/** One line of the list of sessions. */
export interface SessionSummary {
  readonly id: string;
  readonly title: string;
  readonly mode: 'async' | 'live';
  readonly status: 'open' | 'closed';
  readonly role: SessionRole;
  readonly participants: number;
  readonly turns: number;
  readonly unread: number;
  readonly waiting: number;
  readonly link: 'offline' | 'catching-up' | 'current';
  readonly ended: string | null;
  readonly updatedAt: string;
}

/** An answer somebody's model is writing. */
export interface StreamView {
  readonly turnId: string;
  readonly participantId: string;
  readonly inReplyTo: string | null;
  readonly text: string;
}

/** What this computer's own model does in a session. */
export interface OwnModelState {
  readonly modelId: string | null;
  readonly rule: AnswerRule;
  readonly answering: boolean;
  /** Why the last answer failed; nothing of it was posted. */
  readonly error: Failure | null;
}

/** A session without its turns. */
export interface SessionState {
  readonly head: SessionHead;
  readonly participantId: string;
  readonly participants: readonly SessionParticipant[];
  readonly present: readonly Presence[];
  readonly link: SessionSummary['link'];
  readonly ended: string | null;
  readonly waiting: readonly PostedTurn[];
  readonly refused: readonly { readonly turn: PostedTurn; readonly code: string; readonly message: string }[];
  readonly unverified: readonly string[];
  readonly conflict: boolean;
  readonly agreement: Agreement | null;
  readonly streams: readonly StreamView[];
  readonly ownModel: OwnModelState;
  readonly readSeq: number;
}

export interface SessionView {
  readonly state: SessionState;
  readonly turns: readonly Turn[];
}

/** Changes of one session; turns follow on those the window has, else it asks for all. */
export interface SessionUpdate {
  readonly sessionId: string;
  readonly turns: readonly Turn[];
  readonly state: SessionState | null;
}

/** A session to which an agreement of this party invites. */
export interface SessionOfferView {
  readonly sessionId: string;
  readonly title: string;
  readonly openedBy: string;
  readonly openedAt: string;
  /** As `sessions:join` takes it. */
  readonly link: string;
}

/** A file of a session, as a list shows it. Its bytes stay in main. */
export interface SessionFileView {
  readonly turnId: string;
  /** Place in the turn's content. */
  readonly part: number;
  readonly seq: number;
  readonly participantId: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** By its bytes, whatever its author says. */
  readonly mediaType: string;
  /** Whether its bytes came with the turn. */
  readonly isHere: boolean;
}

export interface SessionListView {
  readonly sessions: readonly SessionSummary[];
  readonly offers: readonly SessionOfferView[];
  /** Why the own coordinator cannot be used now. */
  readonly hostError: Failure | null;
  /** Name this person had in the last session. */
  readonly displayName: string;
}

/** A statement, and what the host's ledger says of each line; null when it cannot be reached. */
export interface StatementView {
  readonly statement: SessionStatement;
  readonly checked: readonly CheckedLine[] | null;
  /** All sessions under the session's agreement that this computer has; null without an agreement. */
  readonly underAgreement: AgreementTotals | null;
}

/** Before a model is asked: what it will cost, as far as it can be known. */
export interface OwnModelEstimate {
  readonly payer: 'network' | 'provider';
  readonly modelName: string;
  readonly inputTokens: number;
  readonly maxNewTokens: number;
  readonly turnsLeftOut: number;
  /** Only for the network. */
  readonly estimatedMicroGft: number | null;
  readonly balanceMicroGft: number | null;
}

const Id = Type.String({ minLength: 1, maxLength: 100 });
const session = { sessionId: Id };
const DisplayName = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' });

/** Files that go with one turn; the bytes of a turn bound them long before. */
export const MAX_TURN_FILES = 16;

/** A file that goes with a turn, whole: a text, which models read, or any bytes. */
export const TurnFile = Type.Union([
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 255 }),
    mediaType: Type.String({ maxLength: 200 }),
    text: Type.String({ maxLength: 500_000 }),
  }),
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 255 }),
    base64: Type.String({ maxLength: 1_000_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' }),
  }),
]);
export type TurnFile = Static<typeof TurnFile>;

export const SESSION_CALLS = {
  'sessions:list': Type.Null(),
  'sessions:get': Type.Object(session),
  'sessions:create': Type.Object({
    title: Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' }),
    mode: Type.Union([Type.Literal('async'), Type.Literal('live')]),
    displayName: DisplayName,
    /** Text of an agreement's file. */
    agreement: Type.Union([Type.String({ maxLength: 2_000_000 }), Type.Null()]),
  }),
  'sessions:join': Type.Object({
    link: Type.String({ maxLength: 4_000 }),
    displayName: DisplayName,
    /** For a host that lets nobody connect without its token; null when it needs none, or has one already. */
    accessToken: Type.Union([Type.String({ minLength: 1, maxLength: 1_000 }), Type.Null()]),
  }),
  /** Waits no longer for the host; the join under way ends with `cancelled`, or had been accepted already. */
  'sessions:cancel-join': Type.Null(),
  /** Not to be shown any more; it can still be joined with a link. */
  'sessions:decline-offer': Type.Object(session),
  'sessions:post': Type.Object({
    ...session,
    text: Type.String({ maxLength: 200_000 }),
    inReplyTo: Type.Union([Id, Type.Null()]),
    edits: Type.Union([Id, Type.Null()]),
    files: Type.Array(TurnFile, { maxItems: MAX_TURN_FILES }),
  }),
  'sessions:typing': Type.Object({ ...session, typing: Type.Boolean() }),
  'sessions:mark-read': Type.Object({ ...session, seq: Type.Integer({ minimum: 0 }) }),
  'sessions:forget-refused': Type.Object({ ...session, turnId: Id }),
  'sessions:invite': Type.Object({
    ...session,
    role: Type.Union([Type.Literal('member'), Type.Literal('observer')]),
    uses: Type.Integer({ minimum: 1, maximum: 1_000 }),
    days: Type.Integer({ minimum: 1, maximum: 90 }),
  }),
  'sessions:invitations': Type.Object(session),
  'sessions:withdraw': Type.Object({ ...session, invitationId: Id }),
  'sessions:set-role': Type.Object({
    ...session,
    participantId: Id,
    role: Type.Union([
      Type.Literal('owner'),
      Type.Literal('member'),
      Type.Literal('observer'),
      Type.Literal('removed'),
    ]),
  }),
  'sessions:close': Type.Object(session),
  'sessions:leave': Type.Object(session),
  'sessions:forget': Type.Object(session),
  'sessions:set-model': Type.Object({ ...session, modelId: Type.Union([Id, Type.Null()]), rule: AnswerRule }),
  'sessions:ask-model': Type.Object({ ...session, inReplyTo: Type.Union([Id, Type.Null()]) }),
  'sessions:stop-model': Type.Object(session),
  'sessions:estimate': Type.Object(session),
  'sessions:statement': Type.Object(session),
  'sessions:files': Type.Object(session),
  'sessions:save-file': Type.Object({ ...session, turnId: Id, part: Type.Integer({ minimum: 0, maximum: 1_000 }) }),
  'sessions:export': Type.Object({
    ...session,
    what: Type.Union([Type.Literal('session'), Type.Literal('project'), Type.Literal('statement')]),
  }),
} as const;

export interface SessionCallValues {
  'sessions:list': SessionListView;
  'sessions:get': SessionView;
  'sessions:create': SessionView;
  'sessions:join': SessionView;
  'sessions:cancel-join': null;
  'sessions:decline-offer': null;
  'sessions:post': null;
  'sessions:typing': null;
  'sessions:mark-read': null;
  'sessions:forget-refused': null;
  'sessions:invite': { readonly link: string; readonly code: string; readonly invitation: InvitationView };
  'sessions:invitations': readonly InvitationView[];
  'sessions:withdraw': null;
  'sessions:set-role': null;
  'sessions:close': null;
  'sessions:leave': null;
  'sessions:forget': null;
  'sessions:set-model': null;
  'sessions:ask-model': null;
  'sessions:stop-model': null;
  'sessions:estimate': OwnModelEstimate;
  'sessions:statement': StatementView;
  'sessions:files': readonly SessionFileView[];
  /** Where the file was saved; null when the dialog was closed. */
  'sessions:save-file': { readonly path: string } | null;
  /** The file that was written; null when the dialog was closed. */
  'sessions:export': { readonly path: string } | null;
}

/** What main tells of sessions. */
export interface SessionEvents {
  'sessions-changed': SessionListView;
  'session-updated': SessionUpdate;
}
