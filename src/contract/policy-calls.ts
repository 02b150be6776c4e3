import { Type, type TSchema } from 'typebox';
import { DeviceId, PolicyPreferences } from '../protocol/compute/run-preferences';
import type { PolicyPreview, PolicyView } from './policy';

/** A week: longer than any pause that is not meant to last until resumed. */
const MAX_SNOOZE_MINUTES = 10_080;

const SnoozeTarget = Type.Union([Type.Literal('all'), DeviceId]);

export const POLICY_CALL_SCHEMAS = {
  'policy:get': Type.Null(),
  /** What is absent is taken as it is set. */
  'policy:preview': Type.Object({
    policy: Type.Partial(PolicyPreferences, { additionalProperties: false }),
    pauseOnBattery: Type.Optional(Type.Boolean()),
  }),
  'policy:snooze': Type.Object({
    target: SnoozeTarget,
    /** Null lasts until resumed. */
    minutes: Type.Union([Type.Integer({ minimum: 1, maximum: MAX_SNOOZE_MINUTES }), Type.Null()]),
    /** Running requests are finished first. */
    finishFirst: Type.Boolean(),
  }),
  'policy:resume': Type.Object({ target: SnoozeTarget }),
} as const satisfies Record<string, TSchema>;

export interface PolicyCallValues {
  'policy:get': PolicyView;
  'policy:preview': PolicyPreview;
  'policy:snooze': null;
  'policy:resume': null;
}
