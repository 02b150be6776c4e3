import type { Random } from '../clock';
import { refuse } from '../errors';
import type { AnswerDesk, AnswerName, AnswersElsewhere } from '../pipeline/answer-desk';
import type { AnswerRecord } from '../pipeline/answer-record';
import type { GenerateListener } from '../pipeline/generate-service';
import type { ReplicaChannel } from './replica-channel';
import type { AnswerGrowth, ReplicaMessage } from './replica-message';

type AnswerMessage = Extract<ReplicaMessage, { kind: `answer-${string}` }>;

/** An answer that is written at another replica and taken here. */
interface Taking {
  readonly record: AnswerRecord;
  /** Who writes it; null until somebody has said so. */
  writer: string | null;
}

function grow(record: AnswerRecord, growth: AnswerGrowth): void {
  switch (growth.method) {
    case 'started':
      return void record.started(growth.pipeline, growth.inputTokens);
    case 'token':
      // Nobody waits for it here: the replica that writes it does not either.
      return void record.token(growth.index, growth.id, growth.text, growth.logProbabilities);
    case 'queued':
      return record.queued(growth.place);
    case 'waiting':
      return record.waiting(growth.layersMissing, growth.seconds);
    case 'ended':
      return record.end(growth.outcome ?? refuse('cancelled', 'The answer is taken over another connection.'));
  }
}

/**
 * Answers whose requester lost one replica and came back to another. The replica where the request began goes on with it,
 * keeps it and settles it; the other one gets what has come and what still comes, and passes it on.
 */
export class SharedAnswers implements AnswersElsewhere {
  private readonly takings = new Map<string, Taking>();
  /** Readers here that stand for another replica. */
  private readonly lent = new Map<string, { readonly replicaId: string; readonly gone: AbortController }>();

  constructor(
    private readonly desk: Pick<AnswerDesk, 'holding' | 'cancel'>,
    private readonly channel: Pick<ReplicaChannel, 'ask' | 'tell'>,
    private readonly others: () => readonly string[],
    private readonly random: Random,
  ) {}

  async find(name: AnswerName, record: AnswerRecord, signal: AbortSignal): Promise<boolean> {
    const takingId = this.random.uuid();
    const taking: Taking = { record, writer: null };
    this.takings.set(takingId, taking);
    const asked = this.others().map((replicaId) =>
      this.channel.ask(replicaId, { kind: 'answer-wanted', takingId, name }),
    );
    const found = (await Promise.all(asked)).includes(true);
    if (!found) {
      this.takings.delete(takingId);
      return false;
    }
    signal.addEventListener(
      'abort',
      () => {
        this.takings.delete(takingId);
        if (taking.writer !== null) this.channel.tell(taking.writer, { kind: 'answer-left', takingId });
      },
      { once: true },
    );
    return true;
  }

  async cancel(nodeId: string, requestId: string): Promise<boolean> {
    const asked = this.others().map((replicaId) =>
      this.channel.ask(replicaId, { kind: 'answer-cancel', nodeId, requestId }),
    );
    return (await Promise.all(asked)).includes(true);
  }

  take(from: string, message: AnswerMessage): Promise<boolean> | void {
    switch (message.kind) {
      case 'answer-wanted':
        return Promise.resolve(this.lend(from, message.takingId, message.name));
      case 'answer-cancel':
        return this.desk.cancel(message.nodeId, message.requestId);
      case 'answer-kept': {
        const taking = this.takings.get(message.takingId);
        if (taking === undefined) return this.channel.tell(from, { kind: 'answer-left', takingId: message.takingId });
        taking.writer = from;
        return taking.record.restore(message.kept);
      }
      case 'answer-grew': {
        const taking = this.takings.get(message.takingId);
        if (taking === undefined) return undefined;
        if (message.growth.method === 'ended') this.takings.delete(message.takingId);
        return grow(taking.record, message.growth);
      }
      case 'answer-left':
        this.lent.get(message.takingId)?.gone.abort();
        return undefined;
    }
  }

  /** A replica is gone: what it wrote ends, and nobody there wants what is written here. */
  replicaGone(replicaId: string): void {
    for (const [takingId, { writer, record }] of this.takings) {
      if (writer !== replicaId) continue;
      this.takings.delete(takingId);
      record.end(
        refuse('pipeline-unavailable', 'The process of the coordinator that wrote the answer is gone.', {
          retryable: true,
          suggestion: 'Ask again; what was not finished was not charged.',
        }),
      );
    }
    for (const lent of this.lent.values()) if (lent.replicaId === replicaId) lent.gone.abort();
  }

  private lend(replicaId: string, takingId: string, name: AnswerName): boolean {
    const held = this.desk.holding(name);
    if (held === null) return false;
    const gone = new AbortController();
    this.lent.set(takingId, { replicaId, gone });
    this.channel.tell(replicaId, { kind: 'answer-kept', takingId, kept: held.kept });
    const tell = (growth: AnswerGrowth): void =>
      this.channel.tell(replicaId, { kind: 'answer-grew', takingId, growth });
    const listener: GenerateListener = {
      started: async (pipeline, inputTokens) => tell({ method: 'started', pipeline, inputTokens }),
      token: async (index, id, text, logProbabilities) => tell({ method: 'token', index, id, text, logProbabilities }),
      queued: (place) => tell({ method: 'queued', place }),
      waiting: (layersMissing, seconds) => tell({ method: 'waiting', layersMissing, seconds }),
    };
    void held.read({ listener, signal: gone.signal }).then((outcome) => {
      this.lent.delete(takingId);
      tell({ method: 'ended', outcome });
    });
    return true;
  }
}
