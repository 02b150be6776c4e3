import { Type, type Static } from 'typebox';
import { DeviceId } from './run-preferences';

const Time = Type.String({ maxLength: 40 });
const OptionalTime = Type.Union([Time, Type.Null()]);
const kind = <Kind extends string>(name: Kind) => ({ kind: Type.Literal(name) });

/** Why a node or one of its devices does not work although it could. Numbers are rounded as they are shown. */
export const PauseReason = Type.Union([
  Type.Object(kind('no-consent')),
  Type.Object(kind('user')),
  Type.Object({ ...kind('snoozed'), until: Time }),
  Type.Object({ ...kind('suspended'), message: Type.String({ maxLength: 2_000 }) }),
  /** The device is switched off, or snoozed for itself; `until` null is until resumed. */
  Type.Object({ ...kind('device-off'), device: DeviceId }),
  Type.Object({ ...kind('device-snoozed'), device: DeviceId, until: OptionalTime }),
  Type.Object(kind('metered')),
  Type.Object({ ...kind('traffic'), usedMb: Type.Number(), limitMb: Type.Number(), resumesAt: Time }),
  Type.Object({ ...kind('disk-low'), freeMb: Type.Number(), floorMb: Type.Number() }),
  Type.Object({ ...kind('disk-cap'), usedMb: Type.Number(), limitMb: Type.Number() }),
  Type.Object({
    ...kind('hot'),
    device: DeviceId,
    celsius: Type.Number(),
    limitCelsius: Type.Number(),
    resumesBelow: Type.Number(),
  }),
  Type.Object({ ...kind('power'), watts: Type.Number(), limitWatts: Type.Number() }),
  Type.Object({ ...kind('schedule'), resumesAt: OptionalTime }),
  Type.Object({ ...kind('on-battery'), percent: Type.Union([Type.Number(), Type.Null()]) }),
  Type.Object({ ...kind('battery-low'), percent: Type.Number(), resumesAtPercent: Type.Number() }),
  Type.Object({ ...kind('exclusive-program'), program: Type.String({ maxLength: 400 }) }),
  Type.Object(kind('full-screen')),
  Type.Object({
    ...kind('other-programs'),
    device: DeviceId,
    percent: Type.Number(),
    limitPercent: Type.Number(),
  }),
  Type.Object({ ...kind('in-use'), idleMinutes: Type.Number() }),
  /** The rules ask for an idle computer, and this system does not tell. */
  Type.Object(kind('idle-unknown')),
]);
export type PauseReason = Static<typeof PauseReason>;

/** `the processor`, `graphics processor 1`. */
export function deviceText(device: DeviceId): string {
  if (device === 'cpu') return 'the processor';
  if (device === 'network') return 'the network';
  return `graphics processor ${Number(device.slice(3)) + 1}`;
}

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * A reason as one or two plain sentences: what holds, and what ends it. For the tray, the log and the terminal.
 * @param formatTime - a point in time, as "14:05"
 */
export function describePauseReason(reason: PauseReason, formatTime: (time: string) => string): string {
  switch (reason.kind) {
    case 'no-consent':
      return 'Waiting for your agreement in the window.';
    case 'user':
      return 'By you, until you resume.';
    case 'snoozed':
      return `By you, until ${formatTime(reason.until)}.`;
    case 'suspended':
      return `Suspended by the coordinator: ${reason.message}`;
    case 'device-off':
      return `${upperFirst(deviceText(reason.device))} is set never to be used.`;
    case 'device-snoozed':
      return `You paused ${deviceText(reason.device)}${reason.until === null ? '' : ` until ${formatTime(reason.until)}`}.`;
    case 'metered':
      return 'The network is metered. Resumes on another one.';
    case 'traffic':
      return `${reason.usedMb} of ${reason.limitMb} MB of this month are used. Resumes next month.`;
    case 'disk-low':
      return `Only ${reason.freeMb} MB of disk are free, less than ${reason.floorMb} MB. Resumes when there is more.`;
    case 'disk-cap':
      return `Cut layers take ${reason.usedMb} MB of disk, more than the ${reason.limitMb} MB you allow.`;
    case 'hot':
      return `${upperFirst(deviceText(reason.device))} has ${reason.celsius} °C; the limit is ${reason.limitCelsius} °C. Resumes below ${reason.resumesBelow} °C.`;
    case 'power':
      return `The processor draws ${reason.watts} W; the limit is ${reason.limitWatts} W.`;
    case 'schedule':
      return reason.resumesAt === null
        ? 'Your hours allow no work.'
        : `Outside your hours. Resumes ${formatTime(reason.resumesAt)}.`;
    case 'on-battery':
      return `On battery${reason.percent === null ? '' : ` (${Math.round(reason.percent)} %)`}. Resumes on mains.`;
    case 'battery-low':
      return `The battery is at ${reason.percent} %. Resumes on mains or from ${reason.resumesAtPercent} %.`;
    case 'exclusive-program':
      return `${reason.program} is running. Resumes when it ends.`;
    case 'full-screen':
      return 'A program fills the screen. Resumes when it does not.';
    case 'other-programs':
      return `Other programs use ${reason.percent} % of ${deviceText(reason.device)}; the limit is ${reason.limitPercent} %.`;
    case 'in-use':
      return `The computer is in use. Resumes after ${reason.idleMinutes} min without input.`;
    case 'idle-unknown':
      return 'Set to work only while idle, and this system does not tell when that is.';
  }
}
