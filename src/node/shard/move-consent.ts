import type { MoveConsentChoice } from '../../protocol/compute/run-preferences';
import type { MoveProposal } from '../../protocol/compute/node-snapshot';
import { success, type Result } from '../../protocol/result';
import type { Clock } from '../clock';
import type { CoordinatorConnection } from '../coordinator-client/coordinator-client';
import { nodeFailure } from '../errors';
import type { NodeLogger } from '../logger';
import type { NodeView } from '../node-view';

interface Asked {
  readonly connection: CoordinatorConnection;
  readonly proposal: MoveProposal;
  readonly forget: () => void;
}

/**
 * What becomes of a coordinator's proposal to hold other layers: the person's standing answer is given at once, else the
 * proposal is shown until they answer or its time is over.
 */
export class MoveConsent {
  private asked: Asked | null = null;

  /**
   * @param consent - the person's standing answer
   * @param onAgreed - the coordinator still wants the move, and the person agreed to it
   */
  constructor(
    private readonly view: Pick<NodeView, 'set' | 'snapshot'>,
    private readonly clock: Clock,
    private readonly logger: NodeLogger,
    private readonly consent: () => MoveConsentChoice,
    private readonly onAgreed: (proposal: MoveProposal) => void,
  ) {}

  /** A proposal came. */
  proposed(connection: CoordinatorConnection, proposal: MoveProposal): void {
    this.forget();
    const { shard } = this.view.snapshot();
    // Layers the person fixed are not moved.
    const mayMove = shard?.modelId === proposal.modelId && shard.chosenBy === 'coordinator';
    const consent = mayMove ? this.consent() : 'never';
    const remainingMs = Date.parse(proposal.expiresAt) - this.clock.now();
    if (consent === 'ask' && !(remainingMs > 0)) return;
    const forget = consent === 'ask' ? this.clock.schedule(remainingMs, () => this.forget()) : () => undefined;
    this.asked = { connection, proposal, forget };
    if (consent === 'ask') this.view.set({ moveProposal: proposal });
    else void this.answer(consent === 'always').then((answered) => this.note(answered));
  }

  /** The person's answer. Fails with `move-unknown` when nothing is asked any more, and as the coordinator's call does. */
  async answer(accepted: boolean): Promise<Result<void>> {
    const { asked } = this;
    if (asked === null) return nodeFailure('move-unknown', 'The coordinator no longer asks for other layers.');
    this.forget();
    const answered = await asked.connection.answerMove(asked.proposal.proposalId, accepted);
    if (!answered.ok) return answered;
    if (accepted) this.onAgreed(asked.proposal);
    return success(undefined);
  }

  /** The proposal is void: its time is over, or its connection is gone. */
  forget(): void {
    this.asked?.forget();
    this.asked = null;
    this.view.set({ moveProposal: null });
  }

  private note(answered: Result<void>): void {
    if (answered.ok) return;
    this.logger.info('A proposal to hold other layers came to nothing', { reason: answered.error.message });
  }
}
