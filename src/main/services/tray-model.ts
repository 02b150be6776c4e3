import type { NodeSnapshot } from '../../protocol/compute/node-snapshot';
import type { PauseReason } from '../../protocol/compute/pause-reason';
import { formatGft } from '../../protocol/compute/micro-gft';
import { layersOf, type Texts } from '../texts/texts';

/** Files `tray-<icon>-<light|dark>` in resources/icons. */
export type TrayIcon = 'working' | 'paused' | 'snoozed' | 'offline' | 'attention';

/** Minutes, until the next morning, or (null) until resumed. */
type PauseLength = number | 'morning' | null;

export type TrayAction =
  | { readonly kind: 'open' }
  | { readonly kind: 'pause'; readonly minutes: PauseLength; readonly finishFirst: boolean }
  | { readonly kind: 'resume' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'quit' };

export type TrayMenuItem =
  | { readonly kind: 'text'; readonly label: string }
  | { readonly kind: 'separator' }
  | { readonly kind: 'action'; readonly label: string; readonly action: TrayAction };

export interface TrayModel {
  readonly icon: TrayIcon;
  /** One line: the state and its reason. */
  readonly stateLine: string;
  readonly tooltip: string;
  readonly menu: readonly TrayMenuItem[];
}

const PAUSES: readonly { readonly text: keyof Texts['tray']['pauses']; readonly minutes: PauseLength }[] = [
  { text: 'minutes15', minutes: 15 },
  { text: 'hour', minutes: 60 },
  { text: 'hours4', minutes: 240 },
  { text: 'morning', minutes: 'morning' },
  { text: 'resumed', minutes: null },
];

/** When a pause "until tomorrow" ends, local time. */
const MORNING_HOUR = 7;

/** Minutes of a pause from now on; null is without an end. */
export function pauseMinutes(length: PauseLength, nowMs: number): number | null {
  if (length !== 'morning') return length;
  const morning = new Date(nowMs);
  morning.setDate(morning.getDate() + 1);
  morning.setHours(MORNING_HOUR, 0, 0, 0);
  return Math.max(1, Math.round((morning.getTime() - nowMs) / 60_000));
}

/** Everything the tray shows, from the state of the node. `formatClock` gives a time of day, as "14:05". */
export function buildTrayModel(
  node: Pick<NodeSnapshot, 'state' | 'balanceMicroGft' | 'tokensPerSecond' | 'requestsActive' | 'requestsServed'>,
  formatClock: (time: string) => string,
  texts: Texts,
): TrayModel {
  const { icon, line } = describeState(node, formatClock, texts);
  const { tray } = texts;
  const balance = node.balanceMicroGft === null ? '' : `\n${tray.balance(formatGft(node.balanceMicroGft))}`;
  return {
    icon,
    stateLine: line,
    tooltip: `Tore: ${line}${balance}`,
    menu: [
      { kind: 'text', label: line },
      ...figures(node, tray),
      { kind: 'separator' },
      { kind: 'action', label: tray.open, action: { kind: 'open' } },
      ...workItems(node.state, node.requestsActive, tray),
      { kind: 'separator' },
      { kind: 'action', label: tray.quit, action: { kind: 'quit' } },
    ],
  };
}

/** Whether it helped, at a glance. */
function figures(
  node: Pick<NodeSnapshot, 'balanceMicroGft' | 'requestsServed'>,
  tray: Texts['tray'],
): readonly TrayMenuItem[] {
  const parts = [
    node.balanceMicroGft === null ? null : tray.balance(formatGft(node.balanceMicroGft)),
    node.requestsServed === 0 ? null : tray.served(node.requestsServed),
  ].filter((part) => part !== null);
  return parts.length === 0 ? [] : [{ kind: 'text', label: parts.join(' · ') }];
}

function workItems(state: NodeSnapshot['state'], requestsActive: number, tray: Texts['tray']): readonly TrayMenuItem[] {
  if (state.kind === 'off') return [];
  if (state.kind === 'failed') return [{ kind: 'action', label: tray.retry, action: { kind: 'retry' } }];
  if (state.kind === 'paused') {
    const liftable = state.reason.kind === 'user' || state.reason.kind === 'snoozed';
    const resume: TrayMenuItem = { kind: 'action', label: tray.resume, action: { kind: 'resume' } };
    // A pause by battery or by the coordinator passes by itself, and consent is given in the window.
    return liftable ? [resume] : [];
  }
  const pauses = PAUSES.map(({ text, minutes }): TrayMenuItem => ({
    kind: 'action',
    label: tray.pauses[text],
    action: { kind: 'pause', minutes, finishFirst: false },
  }));
  const finish: TrayMenuItem = {
    kind: 'action',
    label: tray.finishFirst,
    action: { kind: 'pause', minutes: null, finishFirst: true },
  };
  return requestsActive > 0 ? [...pauses, finish] : pauses;
}

function describeState(
  node: Pick<NodeSnapshot, 'state' | 'tokensPerSecond' | 'requestsActive'>,
  formatClock: (time: string) => string,
  texts: Texts,
): { readonly icon: TrayIcon; readonly line: string } {
  const { state } = node;
  const says = texts.state;
  switch (state.kind) {
    case 'off':
      return { icon: 'offline', line: says.off };
    case 'preparing':
      return { icon: 'offline', line: says.preparing[state.step] };
    case 'connecting':
      return { icon: 'offline', line: says.connecting };
    case 'registering':
      return { icon: 'offline', line: says.registering };
    case 'loading':
      return { icon: 'offline', line: says.loading(layersOf(state.range, state.modelId)) };
    case 'serving': {
      const speed = node.tokensPerSecond === null ? null : Math.round(node.tokensPerSecond);
      const layers = layersOf(state.range, state.modelId);
      return { icon: 'working', line: says.serving(layers, node.requestsActive > 0, speed) };
    }
    case 'paused':
      return describePause(state.reason, formatClock, texts);
    case 'waiting':
      return { icon: 'offline', line: says.waiting(state.error.message, formatClock(state.retryAt)) };
    case 'failed':
      return { icon: 'attention', line: state.error.message };
  }
}

const PAUSE_ICONS: Readonly<Partial<Record<PauseReason['kind'], TrayIcon>>> = {
  snoozed: 'snoozed',
  'device-snoozed': 'snoozed',
  suspended: 'attention',
};

function describePause(
  reason: PauseReason,
  formatClock: (time: string) => string,
  texts: Texts,
): { readonly icon: TrayIcon; readonly line: string } {
  const icon = PAUSE_ICONS[reason.kind] ?? 'paused';
  switch (reason.kind) {
    case 'user':
      return { icon, line: texts.state.pausedUntilResumed };
    case 'snoozed':
      return { icon, line: texts.state.pausedUntil(formatClock(reason.until)) };
    case 'no-consent':
      return { icon, line: texts.state.awaitingConsent };
    case 'suspended':
      return { icon, line: texts.pauseReason(reason, formatClock) };
    default:
      return { icon, line: texts.state.paused(texts.pauseReason(reason, formatClock)) };
  }
}
