import { useTranslation } from 'react-i18next';
import { useSnapshot } from '../stores/snapshot-store';
import { useNow } from '../stores/use-now';
import { describeStatus, type NodeStatus } from './node-status';

/** The node's state in words, kept current. */
export function useNodeStatus(): NodeStatus {
  const { t } = useTranslation();
  const node = useSnapshot((snapshot) => snapshot.node);
  const embeddedCoordinator = useSnapshot((snapshot) => snapshot.embeddedCoordinator);
  const coordinatorChoice = useSnapshot(({ settings }) => settings.coordinator);
  const snoozed = node.state.kind === 'paused' && node.state.reason.kind.endsWith('snoozed');
  const counting = node.state.kind === 'waiting' || snoozed;
  const nowMs = useNow(counting ? 1_000 : 30_000);
  return describeStatus(t, { node, embeddedCoordinator, coordinatorChoice, nowMs });
}
