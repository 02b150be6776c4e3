import { formatGft } from '../../protocol/compute/micro-gft';
import type { ChallengeRecord, NodeState } from '../../protocol/compute/node-snapshot';
import { layersOf, type Texts } from '../texts/texts';

/** Neighbouring numbers joined: 4, 5, 6, 9 → "4-6, 9". */
export function joinLayers(layers: readonly number[]): string {
  const groups: { start: number; end: number }[] = [];
  for (const layer of [...layers].sort((left, right) => left - right)) {
    const last = groups.at(-1);
    if (last !== undefined && layer <= last.end + 1) last.end = layer;
    else groups.push({ start: layer, end: layer });
  }
  return groups.map(({ start, end }) => (start === end ? String(start) : `${start}-${end}`)).join(', ');
}

/** A verdict in one sentence, or null while it is not known. */
export function challengeText(record: ChallengeRecord, { events }: Texts): string | null {
  const { verdict } = record;
  return verdict === 'waiting'
    ? null
    : events.challenge(layersOf(record.range, record.modelId), verdict, record.message);
}

/** What changed on the account, or null for what another event tells. */
export function balanceText(
  event: { readonly amountMicroGft: number | null; readonly eventType: string | null },
  { events }: Texts,
): { readonly kind: 'earning' | 'spending' | 'notice'; readonly text: string } | null {
  const { amountMicroGft, eventType } = event;
  if (amountMicroGft === null || amountMicroGft === 0) return null;
  const amount = formatGft(Math.abs(amountMicroGft));
  switch (eventType) {
    case 'issuance':
      return { kind: 'earning', text: events.earned(amount) };
    case 'purchase':
      return { kind: 'earning', text: events.received(amount) };
    case 'expiry':
      return { kind: 'notice', text: events.expired(amount) };
    case 'penalty':
      return { kind: 'notice', text: events.penalty(amount) };
    default:
      // What this computer spends is told when its answer has settled, with more detail.
      return null;
  }
}

/** A state worth a line in the list of events; the others only lead to one of these. */
export function isLasting(state: NodeState): boolean {
  return state.kind === 'serving' || state.kind === 'paused' || state.kind === 'waiting' || state.kind === 'failed';
}

/** Tells two states apart as a person would: progress and retry times do not make a new one. */
export function stateKey(state: NodeState): string {
  switch (state.kind) {
    case 'serving':
      return `serving ${state.modelId} ${state.range.layer_start}-${state.range.layer_end}`;
    case 'paused':
      return `paused ${state.reason.kind}`;
    case 'waiting':
    case 'failed':
      return `${state.kind} ${state.error.message}`;
    default:
      return state.kind;
  }
}
