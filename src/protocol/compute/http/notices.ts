import { Type, type Static } from 'typebox';

/** Bounds of what an operator tells everybody who runs a node. */
export const NOTICE_LIMITS = { maxText: 1_000, maxDays: 90, maxCurrent: 20 } as const;

/** Body of `POST /admin/notices`. */
export const NoticeBody = Type.Object({
  /** At least one character that is not white space. */
  text: Type.String({ minLength: 1, maxLength: NOTICE_LIMITS.maxText, pattern: '\\S' }),
  /** Until it goes out of date. */
  days: Type.Integer({ minimum: 1, maximum: NOTICE_LIMITS.maxDays, default: 7 }),
});
export type NoticeBody = Static<typeof NoticeBody>;

/** A notice of the operator. */
export const OperatorNotice = Type.Object({
  id: Type.String(),
  text: Type.String(),
  created_at: Type.String(),
  expires_at: Type.String(),
});
export type OperatorNotice = Static<typeof OperatorNotice>;

/** Answer of `GET /admin/notices`: those not out of date, the newest first. */
export const OperatorNotices = Type.Object({ notices: Type.Array(OperatorNotice) });
export type OperatorNotices = Static<typeof OperatorNotices>;
