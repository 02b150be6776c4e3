import { type Failure, type Result } from '../../protocol/result';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import type { CoordinatorMessage, MessageOf, NodeMessage } from '../../protocol/wire/messages';
import type { Clock } from '../clock';
import { nodeFailure } from '../errors';
import type { NodeLogger } from '../logger';
import { CALL_TIMEOUT_MS } from './http-requests';
import { SilenceLimit } from './silence-limit';

type Call = Extract<NodeMessage, { call_id: number }>;
type Without<Kind> = Kind extends Call ? Omit<Kind, 'call_id'> : never;
/** A call before it has its number. */
export type CallBody = Without<Call>;

/** The calls of one connection that wait for their replies. */
export class PendingCalls {
  private readonly waiting = new Map<number, (reply: Result<unknown>) => void>();
  private nextCallId = 1;

  /** @param send - false when the connection is closed */
  constructor(
    private readonly send: (message: NodeMessage) => boolean,
    private readonly clock: Clock,
    private readonly logger: NodeLogger,
  ) {}

  /** Makes a call; resolves with its reply, or with a failure when none comes. */
  make(body: CallBody, silence = new SilenceLimit(this.clock, CALL_TIMEOUT_MS)): Promise<Result<unknown>> {
    if (this.waiting.size >= WIRE_LIMITS.maxPendingCalls) {
      silence.end();
      return Promise.resolve(
        nodeFailure('call-timeout', `${WIRE_LIMITS.maxPendingCalls} calls wait for the coordinator already.`, {
          retryable: true,
        }),
      );
    }
    const callId = this.nextCallId;
    this.nextCallId += 1;
    return new Promise((resolve) => {
      const settle = (reply: Result<unknown>): void => {
        this.waiting.delete(callId);
        silence.end();
        resolve(reply);
      };
      silence.signal.addEventListener('abort', () => {
        const seconds = silence.limitMs / 1_000;
        settle(
          nodeFailure('call-timeout', `The coordinator did not answer “${body.type}” within ${seconds} s.`, {
            retryable: true,
          }),
        );
      });
      this.waiting.set(callId, settle);
      if (this.send({ ...body, call_id: callId } as NodeMessage)) return;
      settle(nodeFailure('connection-lost', 'The connection to the coordinator is closed.', { retryable: true }));
    });
  }

  settle(reply: MessageOf<CoordinatorMessage, 'reply'>): void {
    const settle = this.waiting.get(reply.call_id);
    this.waiting.delete(reply.call_id);
    if (settle === undefined) {
      this.logger.debug('A reply came too late', { callId: reply.call_id });
      return;
    }
    settle(reply.ok ? { ok: true, value: reply.value } : { ok: false, error: reply.error });
  }

  /** Ends every call: the connection is gone. */
  failAll(reason: Failure): void {
    for (const settle of this.waiting.values()) settle({ ok: false, error: reason });
    this.waiting.clear();
  }
}
