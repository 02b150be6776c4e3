import { Type, type Static, type TSchema } from 'typebox';
import type { NodeState } from '../protocol/compute/node-snapshot';
import type { Failure } from '../protocol/result';

/** Computers one window steers. */
export const MAX_HOSTS = 50;

/** A paired computer as it is kept. */
export const PairedHost = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 60 }),
  name: Type.String({ minLength: 1, maxLength: 80 }),
  /** Name or IP address and port. */
  address: Type.String({ minLength: 3, maxLength: 300 }),
  /** Its key, pinned when it was paired. */
  hostKey: Type.String({ minLength: 44, maxLength: 44 }),
});
export type PairedHost = Static<typeof PairedHost>;

/** What a paired computer said of itself. */
export interface HostStatus {
  /** Null where its program is newer and says something this one does not know. */
  readonly state: NodeState | null;
  /** One sentence, as the computer itself says it, in English. */
  readonly sentence: string;
  readonly coordinator: string | null;
  readonly model: string | null;
  readonly layers: { readonly first: number; readonly last: number; readonly total: number } | null;
  readonly tokensPerSecond: number | null;
  readonly requestsActive: number;
  readonly requestsServed: number;
  readonly balanceMicroGft: number | null;
}

export interface HostView {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  /** Null before it was reached for the first time, and while it is not. */
  readonly status: HostStatus | null;
  readonly failure: Failure | null;
}

const HostId = Type.Object({ id: Type.String({ minLength: 1, maxLength: 60 }) });

export const HOST_CALLS = {
  /** Asks every paired computer how it is. */
  'hosts:get': Type.Null(),
  'hosts:pair': Type.Object({
    address: Type.String({ minLength: 1, maxLength: 300 }),
    code: Type.String({ minLength: 1, maxLength: 60 }),
  }),
  'hosts:pause': Type.Object({
    id: Type.String({ minLength: 1, maxLength: 60 }),
    /** Null: until resumed. */
    minutes: Type.Union([Type.Integer({ minimum: 1, maximum: 10_080 }), Type.Null()]),
  }),
  'hosts:resume': HostId,
  'hosts:log': HostId,
  /** Tells the computer where it can be reached, and forgets it here in any case. */
  'hosts:unpair': HostId,
} as const satisfies Record<string, TSchema>;

export interface HostCallValues {
  'hosts:get': readonly HostView[];
  'hosts:pair': readonly HostView[];
  'hosts:pause': readonly HostView[];
  'hosts:resume': readonly HostView[];
  /** Newest lines, oldest first. */
  'hosts:log': readonly string[];
  'hosts:unpair': readonly HostView[];
}
