import type { TFunction } from 'i18next';
import type { EarningReason } from '../../../contract';
import { formatCount, formatFixed, formatPercent, formatTick } from '../../format/numbers';

/** Kinds of pauses that have a sentence of their own; anything newer is told in general. */
const PAUSES = [
  'no-consent',
  'user',
  'snoozed',
  'device-off',
  'device-snoozed',
  'metered',
  'traffic',
  'disk-low',
  'disk-cap',
  'hot',
  'power',
  'schedule',
  'on-battery',
  'battery-low',
  'exclusive-program',
  'full-screen',
  'other-programs',
  'in-use',
  'idle-unknown',
] as const;
type Pause = (typeof PAUSES)[number];

/** What a pause of this kind is, in a few words. */
export function pauseKindText(t: TFunction, kind: string): string {
  const known = PAUSES.find((one): one is Pause => one === kind);
  return known === undefined ? t('statistics.pause.other') : t(`statistics.pause.${known}`);
}

/** A reason in plain words: what holds, and what can be done about it. */
export function reasonText(t: TFunction, reason: EarningReason): { readonly what: string; readonly todo: string } {
  const text = (what: string, todo: string): { what: string; todo: string } => ({ what, todo });
  switch (reason.kind) {
    case 'no-tokens':
      return text(t('statistics.reason.noTokens'), t('statistics.todo.noTokens'));
    case 'not-connected':
      return text(
        t('statistics.reason.notConnected', { share: formatPercent(reason.share) }),
        t('statistics.todo.notConnected'),
      );
    case 'suspended':
      return text(t('statistics.reason.suspended'), t('statistics.todo.suspended'));
    case 'paused':
      return text(
        t('statistics.reason.paused', {
          share: formatPercent(reason.share),
          reason: pauseKindText(t, reason.reason),
        }),
        t('statistics.todo.paused'),
      );
    case 'app-closed':
      return text(
        t('statistics.reason.appClosed', { share: formatPercent(reason.share) }),
        t('statistics.todo.appClosed'),
      );
    case 'pipeline-incomplete':
      return text(
        t('statistics.reason.incomplete', {
          count: reason.layersMissing,
          shown: formatCount(reason.layersMissing),
        }),
        t('statistics.todo.incomplete'),
      );
    case 'layers-crowded':
      return text(
        t('statistics.reason.crowded', { count: reason.holders, shown: formatCount(reason.holders) }),
        t('statistics.todo.crowded'),
      );
    case 'no-demand':
      return text(t('statistics.reason.noDemand'), t('statistics.todo.noDemand'));
    case 'challenges-failed':
      return text(
        t('statistics.reason.challengesFailed', {
          failed: formatCount(reason.failed),
          decided: formatCount(reason.decided),
        }),
        t('statistics.todo.challengesFailed'),
      );
    case 'requests-failed':
      return text(
        t('statistics.reason.requestsFailed', { failed: formatCount(reason.failed), all: formatCount(reason.all) }),
        t('statistics.todo.requestsFailed'),
      );
    case 'low-reliability':
      return text(
        t('statistics.reason.lowReliability', { value: formatFixed(reason.reliability, 2) }),
        t('statistics.todo.lowReliability'),
      );
    case 'slow':
      return text(
        t('statistics.reason.slow', { multiplier: formatTick(reason.multiplier) }),
        t('statistics.todo.slow'),
      );
    case 'new':
      return text(
        t('statistics.reason.new', {
          count: Math.max(1, Math.round(reason.hours)),
          shown: formatCount(Math.max(1, Math.round(reason.hours))),
        }),
        t('statistics.todo.new'),
      );
  }
}
