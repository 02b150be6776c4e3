import type { NodeSnapshot } from '../../protocol/compute/node-snapshot';
import { describePauseReason, type PauseReason } from '../../protocol/compute/pause-reason';
import { formatGft } from '../../protocol/compute/micro-gft';

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

const PAUSES: readonly { readonly label: string; readonly minutes: PauseLength }[] = [
  { label: 'Pause for 15 minutes', minutes: 15 },
  { label: 'Pause for 1 hour', minutes: 60 },
  { label: 'Pause for 4 hours', minutes: 240 },
  { label: 'Pause until tomorrow, 07:00', minutes: 'morning' },
  { label: 'Pause until resumed', minutes: null },
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
): TrayModel {
  const { icon, line } = describeState(node, formatClock);
  const balance = node.balanceMicroGft === null ? '' : `\nBalance ${formatGft(node.balanceMicroGft)} GFT`;
  return {
    icon,
    stateLine: line,
    tooltip: `Tore: ${line}${balance}`,
    menu: [
      { kind: 'text', label: line },
      ...figures(node),
      { kind: 'separator' },
      { kind: 'action', label: 'Open Tore', action: { kind: 'open' } },
      ...workItems(node.state, node.requestsActive),
      { kind: 'separator' },
      { kind: 'action', label: 'Quit', action: { kind: 'quit' } },
    ],
  };
}

/** Whether it helped, at a glance. */
function figures(node: Pick<NodeSnapshot, 'balanceMicroGft' | 'requestsServed'>): readonly TrayMenuItem[] {
  const parts = [
    node.balanceMicroGft === null ? null : `Balance ${formatGft(node.balanceMicroGft)} GFT`,
    node.requestsServed === 0
      ? null
      : `${node.requestsServed} ${node.requestsServed === 1 ? 'request' : 'requests'} served`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? [] : [{ kind: 'text', label: parts.join(' · ') }];
}

function workItems(state: NodeSnapshot['state'], requestsActive: number): readonly TrayMenuItem[] {
  if (state.kind === 'off') return [];
  if (state.kind === 'failed') return [{ kind: 'action', label: 'Try again', action: { kind: 'retry' } }];
  if (state.kind === 'paused') {
    const liftable = state.reason.kind === 'user' || state.reason.kind === 'snoozed';
    const resume: TrayMenuItem = { kind: 'action', label: 'Resume', action: { kind: 'resume' } };
    // A pause by battery or by the coordinator passes by itself, and consent is given in the window.
    return liftable ? [resume] : [];
  }
  const pauses = PAUSES.map(({ label, minutes }): TrayMenuItem => ({
    kind: 'action',
    label,
    action: { kind: 'pause', minutes, finishFirst: false },
  }));
  const finish: TrayMenuItem = {
    kind: 'action',
    label: 'Finish what runs, then pause',
    action: { kind: 'pause', minutes: null, finishFirst: true },
  };
  return requestsActive > 0 ? [...pauses, finish] : pauses;
}

function describeState(
  node: Pick<NodeSnapshot, 'state' | 'tokensPerSecond' | 'requestsActive'>,
  formatClock: (time: string) => string,
): { readonly icon: TrayIcon; readonly line: string } {
  const { state } = node;
  switch (state.kind) {
    case 'off':
      return { icon: 'offline', line: 'Not running' };
    case 'preparing':
      return { icon: 'offline', line: preparingLine(state.step) };
    case 'connecting':
      return { icon: 'offline', line: 'Connecting to the coordinator' };
    case 'registering':
      return { icon: 'offline', line: 'Registering this computer' };
    case 'loading':
      return {
        icon: 'offline',
        line: `Loading layers ${state.range.layer_start}-${state.range.layer_end} of ${state.modelId}`,
      };
    case 'serving': {
      const speed = node.tokensPerSecond === null ? '' : `, ${Math.round(node.tokensPerSecond)} tokens/s`;
      const layers = `layers ${state.range.layer_start}-${state.range.layer_end} of ${state.modelId}`;
      return { icon: 'working', line: `${node.requestsActive > 0 ? 'Working on' : 'Serving'} ${layers}${speed}` };
    }
    case 'paused':
      return describePause(state.reason, formatClock);
    case 'waiting':
      return { icon: 'offline', line: `${state.error.message} Next attempt at ${formatClock(state.retryAt)}.` };
    case 'failed':
      return { icon: 'attention', line: state.error.message };
  }
}

function preparingLine(step: Extract<NodeSnapshot['state'], { kind: 'preparing' }>['step']): string {
  switch (step) {
    case 'identity':
      return 'Preparing the key of this computer';
    case 'hardware':
      return 'Reading the hardware';
    case 'benchmark':
      return 'Measuring this computer';
    case 'model':
      return 'Reading the model';
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
): { readonly icon: TrayIcon; readonly line: string } {
  const icon = PAUSE_ICONS[reason.kind] ?? 'paused';
  const text = describePauseReason(reason, formatClock);
  switch (reason.kind) {
    case 'user':
      return { icon, line: 'Paused until resumed' };
    case 'snoozed':
      return { icon, line: `Paused until ${formatClock(reason.until)}` };
    case 'no-consent':
      return { icon, line: 'Waiting for your agreement in the window' };
    case 'suspended':
      return { icon, line: text };
    default:
      return { icon, line: `Paused: ${text.charAt(0).toLowerCase()}${text.slice(1)}` };
  }
}
