import { Type, type Static } from 'typebox';
import { Content } from '../conversation/content';
import { Count, Identifier, Maybe, Metadata, Name, PublicKey, Signature, Timestamp, Uri } from '../documents/fields';
import { DOCUMENT_LIMITS } from '../documents/limits';

/** Somebody who takes part in a session, each with the model of their own choice. */
export const SessionParticipant = Type.Object({
  id: Identifier,
  display_name: Name,
  platform: Name,
  role: Type.Union([Type.Literal('owner'), Type.Literal('member'), Type.Literal('observer')]),
  model: Maybe(Type.Object({ provider: Name, model_id: Name })),
  /** Checks the signatures of this participant's turns. */
  public_key: Maybe(PublicKey),
  joined_at: Timestamp,
  left_at: Maybe(Timestamp),
});
export type SessionParticipant = Static<typeof SessionParticipant>;

/**
 * What a turn cost. Written only after the ledger has confirmed, so `ledger_ref` and `confirmed_at` are mandatory:
 * a pending or estimated cost has no form here.
 */
export const InferenceCost = Type.Object({
  amount: Type.Number({ minimum: 0 }),
  /** `GFT`, or any unit the agreement names. */
  unit: Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength }),
  model_id: Name,
  coordinator_id: Identifier,
  input_tokens: Count,
  output_tokens: Count,
  ledger_ref: Type.String({ minLength: 1, maxLength: DOCUMENT_LIMITS.maxNameLength }),
  confirmed_at: Timestamp,
});
export type InferenceCost = Static<typeof InferenceCost>;

/** One contribution, in the order the host gave it. */
export const Turn = Type.Object({
  id: Identifier,
  /** Counts over the whole session from 1 without gaps. */
  seq: Type.Integer({ minimum: 1, maximum: DOCUMENT_LIMITS.maxMessages }),
  participant_id: Identifier,
  author: Type.Union([Type.Literal('human'), Type.Literal('model')]),
  created_at: Timestamp,
  /** Id of an earlier turn. */
  in_reply_to: Maybe(Identifier),
  /** The session it was written for, so that its signature is worth nothing in another one. */
  session_id: Maybe(Identifier),
  /** Id of the last turn its author had seen: a signed word on the order, which `seq` alone is not. */
  follows: Maybe(Identifier),
  content: Content,
  inference_cost: Maybe(InferenceCost),
  /**
   * By the participant's key, over the turn without this field, `seq` and `inference_cost`: the host gives the number and
   * the ledger confirms the cost after the author has signed. See `signing/`.
   */
  signature: Maybe(Signature),
  /** `edits` names the earlier turn that this one puts new text in place of; `model` says which model wrote it. */
  metadata: Metadata,
});
export type Turn = Static<typeof Turn>;

/** A conversation of several people and models on several platforms (tore-0003). */
export const GroupSession = Type.Object({
  tore_spec: Type.Literal('tore-0003'),
  id: Identifier,
  title: Name,
  mode: Type.Union([Type.Literal('async'), Type.Literal('live')]),
  status: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  host: Type.Object({ coordinator_id: Identifier, url: Uri }),
  /** Id of the tore-0002 agreement the session stands on. */
  agreement_ref: Maybe(Identifier),
  created_at: Timestamp,
  updated_at: Timestamp,
  participants: Type.Array(SessionParticipant, { maxItems: DOCUMENT_LIMITS.maxParticipants }),
  turns: Type.Array(Turn, { maxItems: DOCUMENT_LIMITS.maxMessages }),
  metadata: Metadata,
});
export type GroupSession = Static<typeof GroupSession>;
