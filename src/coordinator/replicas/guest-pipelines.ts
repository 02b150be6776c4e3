import type { NodeLinks, PipelineCommand, RelayEvent, RelayListener, RelayRouter } from '../pipeline/relay-router';
import type { ReplicaChannel } from './replica-channel';

interface Guest {
  readonly driver: string;
  readonly listener: RelayListener;
}

/** Parts of pipelines that nodes connected here serve and another replica drives. */
export class GuestPipelines {
  private readonly guests = new Map<string, Guest>();

  constructor(
    private readonly links: NodeLinks,
    private readonly router: RelayRouter,
    private readonly channel: Pick<ReplicaChannel, 'tell'>,
  ) {}

  /** Hands a command to the node, and from then on the node's events about that pipeline to the one who sent it. */
  command(driver: string, nodeId: string, message: PipelineCommand): Promise<boolean> {
    const key = `${message.request_id} ${nodeId}`;
    const link = this.links.linkTo(nodeId);
    // Of a node that has left no event comes any more, and its driver has nothing to close.
    if (message.type === 'pipeline-close' || link === null) this.leave(key);
    else if (this.guests.get(key)?.driver !== driver) this.enter(key, driver, nodeId, message.request_id);
    return link?.send(message) ?? Promise.resolve(false);
  }

  /** Nobody is left to drive them: their nodes free what they hold. */
  driverGone(driver: string): void {
    for (const [key, guest] of this.guests) {
      if (guest.driver !== driver) continue;
      const { nodeId, pipelineId } = guest.listener;
      this.leave(key);
      void this.links.linkTo(nodeId)?.send({ type: 'pipeline-close', request_id: pipelineId, reason: 'error' });
    }
  }

  private enter(key: string, driver: string, nodeId: string, pipelineId: string): void {
    this.leave(key);
    const listener: RelayListener = {
      nodeId,
      pipelineId,
      take: (event: RelayEvent) => this.pass(key, driver, event),
    };
    this.guests.set(key, { driver, listener });
    this.router.add(listener);
  }

  private pass(key: string, driver: string, event: RelayEvent): void {
    const listener = this.guests.get(key)?.listener;
    if (listener === undefined) return;
    const { nodeId, pipelineId } = listener;
    if (event.kind === 'frame') {
      const { bytes, ...rest } = event;
      this.channel.tell(driver, { kind: 'event', nodeId, pipelineId, event: rest }, bytes);
    } else this.channel.tell(driver, { kind: 'event', nodeId, pipelineId, event });
    // A node that is lost closes nothing, and its driver has nobody to tell.
    if (event.kind === 'lost') this.leave(key);
  }

  private leave(key: string): void {
    const guest = this.guests.get(key);
    if (guest === undefined) return;
    this.guests.delete(key);
    this.router.remove(guest.listener);
  }
}
