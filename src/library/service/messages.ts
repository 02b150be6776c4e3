import { Type, type Static } from 'typebox';

/*
 * What the process of the library and the one that started it say to each other. Both come from one build, so the values of
 * calls are told by their types; what is checked is that a message is one of these.
 */

/** First word of the parent: where the library is. */
export const OpenMessage = Type.Object({ type: Type.Literal('open'), folder: Type.String() });

export const LibraryCommand = Type.Union([
  OpenMessage,
  Type.Object({ type: Type.Literal('call'), id: Type.Integer(), method: Type.String(), input: Type.Unknown() }),
  Type.Object({ type: Type.Literal('cancel'), id: Type.Integer() }),
  Type.Object({ type: Type.Literal('stop') }),
]);
export type LibraryCommand = Static<typeof LibraryCommand>;

const FailureMessage = Type.Object({
  code: Type.String(),
  message: Type.String(),
  retryable: Type.Boolean(),
  suggestion: Type.Optional(Type.String()),
});

export const LibraryReply = Type.Union([
  Type.Object({ type: Type.Literal('opened') }),
  /** The library cannot be opened; starting the process again would not help. */
  Type.Object({ type: Type.Literal('refused'), error: FailureMessage }),
  Type.Object({ type: Type.Literal('progress'), id: Type.Integer(), progress: Type.Unknown() }),
  Type.Object({ type: Type.Literal('result'), id: Type.Integer(), result: Type.Unknown() }),
]);
export type LibraryReply = Static<typeof LibraryReply>;

/** One end of a channel to another process that clones what is sent. */
export interface LibraryPort {
  post(message: LibraryCommand | LibraryReply): void;
  onMessage(listener: (message: unknown) => void): void;
}
