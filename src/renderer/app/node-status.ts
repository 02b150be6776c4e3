import type { TFunction } from 'i18next';
import type { EmbeddedCoordinatorState, Settings } from '../../contract';
import type { NodeSnapshot, NodeState, PauseReason } from '../../protocol/compute/node-snapshot';
import type { Failure } from '../../protocol/result';
import { explainFailure } from '../format/failures';
import { formatCount, formatLayers, formatPercent, formatSpeed } from '../format/numbers';
import { formatTimeLeft, secondsUntil } from '../format/times';
import { pauseReasonText } from './pause-reason-text';

/** What the state looks like; each tone has a colour, a shape and a word of its own. */
export type StatusTone = 'working' | 'busy' | 'paused' | 'snoozed' | 'offline' | 'attention' | 'off';

export interface NodeStatus {
  readonly tone: StatusTone;
  readonly word: string;
  /** What happened, or what it works on. */
  readonly reason: string;
  /** What happens next or what to do, when the reason does not say it. */
  readonly next: string | null;
  readonly action: 'pause' | 'resume' | 'retry' | 'none';
}

interface StatusInput {
  readonly node: NodeSnapshot;
  readonly embeddedCoordinator: EmbeddedCoordinatorState;
  readonly coordinatorChoice: Settings['coordinator'];
  readonly nowMs: number;
}

/** How the coordinator is called in a sentence. */
export function coordinatorName(node: NodeSnapshot): string {
  return node.coordinator.name ?? node.coordinator.url;
}

function describeFailure(t: TFunction, error: Failure): NodeStatus {
  const { what, todo } = explainFailure(error);
  return {
    tone: 'attention',
    word: t('state.failed'),
    reason: what,
    next: todo,
    action: 'retry',
  };
}

/** How long a snooze still lasts, null for one without an end. */
function timeLeft(t: TFunction, until: string | null, nowMs: number): string | null {
  const seconds = until === null ? 0 : secondsUntil(until, nowMs);
  return seconds === 0 ? null : t('state.snoozedLeft', { left: formatTimeLeft(seconds) });
}

function describePause(t: TFunction, reason: PauseReason, nowMs: number): NodeStatus {
  const said = pauseReasonText(t, reason, nowMs);
  const paused = { tone: 'paused', word: t('state.paused'), reason: said, next: null, action: 'pause' } as const;
  switch (reason.kind) {
    case 'user':
      return { ...paused, action: 'resume' };
    case 'snoozed':
      return {
        ...paused,
        tone: 'snoozed',
        word: t('state.snoozed'),
        next: timeLeft(t, reason.until, nowMs),
        action: 'resume',
      };
    case 'device-snoozed':
      return { ...paused, tone: 'snoozed', word: t('state.snoozed'), next: timeLeft(t, reason.until, nowMs) };
    case 'no-consent':
      return { ...paused, tone: 'off', word: t('state.notStarted'), action: 'none' };
    case 'suspended':
      return { ...paused, tone: 'attention', word: t('state.suspended'), action: 'retry' };
    default:
      return paused;
  }
}

function describePreparing(t: TFunction, state: Extract<NodeState, { kind: 'preparing' }>): string {
  const percent = formatPercent(state.fraction);
  switch (state.step) {
    case 'identity':
      return t('state.preparingIdentity');
    case 'hardware':
      return t('state.preparingHardware');
    case 'benchmark':
      return t('state.preparingBenchmark', { percent });
    case 'model':
      return t('state.preparingModel', { percent });
  }
}

/** How what a state speaks of is called. */
interface StateNames {
  readonly coordinator: string;
  model(modelId: string): string;
}

/** The state of this or another computer in words. */
export function describeState(t: TFunction, state: NodeState, names: StateNames, nowMs: number): NodeStatus {
  const { coordinator } = names;
  const busy = { tone: 'busy', next: null, action: 'pause' } as const;
  switch (state.kind) {
    case 'off':
      return { tone: 'off', word: t('state.off'), reason: t('state.offReason'), next: null, action: 'resume' };
    case 'preparing':
      return { ...busy, word: t('state.preparing'), reason: describePreparing(t, state) };
    case 'connecting':
      return {
        ...busy,
        word: t('state.connecting'),
        reason:
          state.attempt > 1
            ? t('state.connectingAgain', { coordinator, attempt: String(state.attempt) })
            : t('state.connectingReason', { coordinator }),
      };
    case 'registering':
      return { ...busy, word: t('state.registering'), reason: t('state.registeringReason', { coordinator }) };
    case 'loading':
      return {
        ...busy,
        word: t('state.loading'),
        reason: t('state.loadingReason', {
          layers: formatLayers(state.range.layer_start, state.range.layer_end),
          model: names.model(state.modelId),
          percent: formatPercent(state.fraction),
        }),
      };
    case 'serving':
      return {
        tone: 'working',
        word: t('state.serving'),
        reason: t('state.servingReason', {
          layers: formatLayers(state.range.layer_start, state.range.layer_end),
          model: names.model(state.modelId),
        }),
        next: null,
        action: 'pause',
      };
    case 'paused':
      return describePause(t, state.reason, nowMs);
    case 'waiting': {
      const seconds = secondsUntil(state.retryAt, nowMs);
      const again = seconds > 0 ? t('state.waitingSeconds', { seconds: formatCount(seconds) }) : t('state.waitingNow');
      const { what, todo } = explainFailure(state.error);
      return {
        tone: 'offline',
        word: t('state.waiting'),
        reason: what,
        next: todo === null ? again : `${todo} ${again}`,
        action: 'retry',
      };
    }
    case 'failed':
      return describeFailure(t, state.error);
  }
}

/** The node's state in words: the same on the status line, the dashboard and in the welcome steps. */
export function describeStatus(t: TFunction, input: StatusInput): NodeStatus {
  const { node, embeddedCoordinator, coordinatorChoice, nowMs } = input;
  const consented = !(node.state.kind === 'paused' && node.state.reason.kind === 'no-consent');
  if (coordinatorChoice.kind === 'embedded' && consented) {
    if (embeddedCoordinator.kind === 'failed') return describeFailure(t, embeddedCoordinator.error);
    if (embeddedCoordinator.kind === 'starting' && (node.state.kind === 'off' || node.state.kind === 'waiting')) {
      return {
        tone: 'busy',
        word: t('state.starting'),
        reason: t('state.startingReason'),
        next: null,
        action: 'pause',
      };
    }
  }
  // A model goes by the name people know only where it is the one in memory.
  const model = (modelId: string): string => (node.shard?.modelId === modelId ? node.shard.friendlyName : modelId);
  return describeState(t, node.state, { coordinator: coordinatorName(node), model }, nowMs);
}

/** What runs now, while serving: requests in work and their speed, or that it waits. */
export function describeActivity(t: TFunction, node: NodeSnapshot): string | null {
  if (node.state.kind !== 'serving') return null;
  if (node.requestsActive === 0) return t('activity.idle');
  const requests = t('activity.requests', { count: node.requestsActive, shown: formatCount(node.requestsActive) });
  return node.tokensPerSecond === null
    ? requests
    : `${requests} · ${t('activity.speed', { speed: formatSpeed(node.tokensPerSecond) })}`;
}
