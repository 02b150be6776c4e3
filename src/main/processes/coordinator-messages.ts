import { Type, type Static } from 'typebox';

/** What main and the process of the embedded coordinator say to each other. */
export const CoordinatorCommand = Type.Union([
  Type.Object({
    type: Type.Literal('start'),
    name: Type.String(),
    /** Port to try first; any free one when it is taken or null. */
    preferredPort: Type.Union([Type.Integer({ minimum: 1, maximum: 65_535 }), Type.Null()]),
    databaseFile: Type.String(),
    accessToken: Type.String(),
    administratorToken: Type.String(),
    tokenEconomy: Type.Boolean(),
    openingGrantMicroGft: Type.Integer({ minimum: 0 }),
    modelFolders: Type.Array(Type.String()),
  }),
  Type.Object({ type: Type.Literal('stop') }),
]);
export type CoordinatorCommand = Static<typeof CoordinatorCommand>;
export type CoordinatorStart = Extract<CoordinatorCommand, { type: 'start' }>;

const CoordinatorLogLevel = Type.Union([Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')]);
export type CoordinatorLogLevel = Static<typeof CoordinatorLogLevel>;

export const CoordinatorReport = Type.Union([
  Type.Object({
    type: Type.Literal('log'),
    level: CoordinatorLogLevel,
    facts: Type.Record(Type.String(), Type.Unknown()),
    message: Type.String(),
  }),
  Type.Object({ type: Type.Literal('running'), url: Type.String(), port: Type.Integer() }),
  Type.Object({
    type: Type.Literal('refused'),
    code: Type.String(),
    message: Type.String(),
    retryable: Type.Boolean(),
    suggestion: Type.Optional(Type.String()),
  }),
]);
export type CoordinatorReport = Static<typeof CoordinatorReport>;
