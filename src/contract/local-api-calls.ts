import { Type, type Static, type TSchema } from 'typebox';
import type { Failure } from '../protocol/result';

/** Where the endpoint for other programs of this computer listens, on loopback, when it is on. */
export const LocalApiSettings = Type.Object({
  enabled: Type.Boolean(),
  /** Below 1,024 a program needs the system's leave. */
  port: Type.Integer({ minimum: 1_024, maximum: 65_535 }),
});
export type LocalApiSettings = Static<typeof LocalApiSettings>;

export const DEFAULT_LOCAL_API: LocalApiSettings = { enabled: false, port: 8_471 };

/** A key of the endpoint, without its secret. */
export interface LocalApiKey {
  readonly id: string;
  readonly name: string;
  /** Its first characters. */
  readonly hint: string;
  readonly createdAt: string;
}

/** The endpoint as it is now. */
export interface LocalApiView {
  readonly settings: LocalApiSettings;
  /** Base URL for programs while it listens. */
  readonly baseUrl: string | null;
  /** Why it does not listen although it is on, or why its keys cannot be read. */
  readonly error: Failure | null;
  readonly keys: readonly LocalApiKey[];
}

export const LOCAL_API_CALLS = {
  'local-api:get': Type.Null(),
  'local-api:configure': LocalApiSettings,
  'local-api:create-key': Type.Object({ name: Type.String({ maxLength: 100 }) }),
  'local-api:remove-key': Type.Object({ keyId: Type.String({ minLength: 1, maxLength: 100 }) }),
} as const satisfies Record<string, TSchema>;

export interface LocalApiCallValues {
  'local-api:get': LocalApiView;
  'local-api:configure': LocalApiView;
  /** The key is shown this once. */
  'local-api:create-key': { readonly key: string; readonly view: LocalApiView };
  'local-api:remove-key': LocalApiView;
}
