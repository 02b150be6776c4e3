import type { TFunction } from 'i18next';
import type { PauseReason } from '../../protocol/compute/pause-reason';
import type { DeviceId } from '../../protocol/compute/run-preferences';
import { formatBytes, formatCount, formatPercent } from '../format/numbers';
import { formatMoment } from '../format/times';

const BYTES_PER_MEBIBYTE = 1_048_576;

/** A device as a word in a sentence's place of its own: "Processor", "Graphics 1". */
export function deviceName(t: TFunction, device: DeviceId): string {
  if (device === 'cpu') return t('pause.device.cpu');
  if (device === 'network') return t('pause.device.network');
  return t('pause.device.gpu', { number: formatCount(Number(device.slice(3)) + 1) });
}

/** Why something pauses, and what ends it. */
export function pauseReasonText(t: TFunction, reason: PauseReason, nowMs: number): string {
  const moment = (iso: string): string => formatMoment(iso, nowMs);
  const megabytes = (amount: number): string => formatBytes(amount * BYTES_PER_MEBIBYTE);
  const percent = (amount: number): string => formatPercent(amount / 100);
  switch (reason.kind) {
    case 'no-consent':
      return t('state.notStartedReason');
    case 'user':
      return t('state.pausedByUser');
    case 'snoozed':
      return t('state.snoozedReason', { time: moment(reason.until) });
    case 'suspended':
      return reason.message;
    case 'device-off':
      return t('pause.deviceOff', { device: deviceName(t, reason.device) });
    case 'device-snoozed':
      return reason.until === null
        ? t('pause.deviceSnoozed', { device: deviceName(t, reason.device) })
        : t('pause.deviceSnoozedUntil', { device: deviceName(t, reason.device), time: moment(reason.until) });
    case 'metered':
      return t('pause.metered');
    case 'traffic':
      return t('pause.traffic', { used: megabytes(reason.usedMb), limit: megabytes(reason.limitMb) });
    case 'disk-low':
      return t('pause.diskLow', { free: megabytes(reason.freeMb), floor: megabytes(reason.floorMb) });
    case 'disk-cap':
      return t('pause.diskCap', { used: megabytes(reason.usedMb), limit: megabytes(reason.limitMb) });
    case 'hot':
      return t('pause.hot', {
        device: deviceName(t, reason.device),
        celsius: formatCount(reason.celsius),
        limit: formatCount(reason.limitCelsius),
        below: formatCount(reason.resumesBelow),
      });
    case 'power':
      return t('pause.power', { watts: formatCount(reason.watts), limit: formatCount(reason.limitWatts) });
    case 'schedule':
      return reason.resumesAt === null ? t('pause.never') : t('pause.schedule', { time: moment(reason.resumesAt) });
    case 'on-battery':
      return reason.percent === null
        ? t('state.onBatteryUnknown')
        : t('state.onBattery', { percent: percent(reason.percent) });
    case 'battery-low':
      return t('pause.batteryLow', { percent: percent(reason.percent), resumes: percent(reason.resumesAtPercent) });
    case 'exclusive-program':
      return t('pause.exclusiveProgram', { program: reason.program });
    case 'full-screen':
      return t('pause.fullScreen');
    case 'other-programs':
      return t('pause.otherPrograms', {
        device: deviceName(t, reason.device),
        percent: percent(reason.percent),
        limit: percent(reason.limitPercent),
      });
    case 'in-use':
      return t('pause.inUse', { minutes: formatCount(reason.idleMinutes) });
    case 'idle-unknown':
      return t('pause.idleUnknown');
  }
}
