import { microAmount, settlementTermsOf, type AskedRequest } from '../../protocol/federation/grant';
import type { FederationMessageOf } from '../../protocol/federation/messages';
import type { FederationSettlement } from '../../protocol/federation/settlement';
import { success } from '../../protocol/result';
import { refuse, type CoordinatorFailure } from '../errors';
import { maximumInputTokens, maximumPrice } from '../ledger/pricing';
import type { Logger } from '../logger';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { Cashier } from '../pipeline/cashier';
import type { GenerateRequest, GenerateService, RequestAccount } from '../pipeline/generate-service';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';
import type { SettlementDesk } from './settlement-desk';
import type { SettlementStore } from './settlement-store';
import type { TermsDesk } from './terms-desk';

type RequestMessage = FederationMessageOf<'request'>;

/**
 * Requests of peers, served by the own nodes alone and within the terms of the agreement. A request ends with the link it
 * came over; what was produced by then is settled all the same.
 */
export class ServingDesk {
  constructor(
    private readonly generation: Pick<GenerateService, 'generate'>,
    private readonly cashier: Cashier,
    private readonly catalogue: ModelCatalogue,
    private readonly settlements: SettlementDesk,
    private readonly store: SettlementStore,
    private readonly terms: TermsDesk,
    private readonly logger: Logger,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  /** Takes a request; everything about it is said over the link it came over. */
  take(peer: Peer, link: SealedLink, message: RequestMessage): void {
    void this.serve(peer, link, message).catch((thrown: unknown) => {
      this.logger.error({ err: thrown, peer: peer.name }, 'a request of a peer failed');
      const failure = refuse('coordinator-internal', 'The coordinator made an error.', { retryable: true });
      this.end(link, message.request_id, failure.error);
    });
  }

  private async serve(peer: Peer, link: SealedLink, message: RequestMessage): Promise<void> {
    const { request_id: requestId } = message;
    const isSettled = (await this.store.entry(peer.publicKey, requestId, 'served')) !== null;
    const reserved = isSettled ? null : await this.terms.admit(peer, requestId, this.asked(peer, message));
    if (reserved === null) {
      this.noteRefusal(peer, 'request-replayed', `The request ${requestId} was made before.`);
      // A request that still runs keeps its one end.
      if (isSettled) this.end(link, requestId, refuse('request-id-used', 'This request was made already.').error);
      return;
    }
    if ('code' in reserved) {
      this.end(link, requestId, reserved);
      return;
    }
    const timer = this.terms.deadline(message.deadline_at, reserved.abort);
    try {
      if (!link.stands) reserved.abort.abort();
      await this.run(peer, link, message, reserved.abort.signal);
    } finally {
      clearTimeout(timer);
      this.terms.release(peer, requestId);
    }
  }

  private asked(peer: Peer, message: RequestMessage): AskedRequest {
    return {
      modelId: message.model_id,
      maxNewTokens: message.max_new_tokens,
      microAmount: this.maximum(peer, message),
    };
  }

  private maximum(peer: Peer, message: RequestMessage): number {
    const model = this.catalogue.find(message.model_id);
    if (model === undefined) return 0;
    const text =
      message.messages === undefined
        ? { prompt: message.prompt ?? '' }
        : { messages: message.messages, chatTemplate: model.manifest.chat_template };
    const { shape } = model.manifest;
    const price = maximumPrice(shape, maximumInputTokens(text), message.max_new_tokens, message.precision);
    return microAmount(price, settlementTermsOf(peer.settings.agreement));
  }

  private async run(peer: Peer, link: SealedLink, message: RequestMessage, signal: AbortSignal): Promise<void> {
    const { request_id: requestId } = message;
    let settlement: FederationSettlement | null = null;
    const account = this.accountOf(peer, (made) => {
      settlement = made;
    });
    const request: GenerateRequest = {
      nodeId: `federation:${peer.keyId}`,
      requestId,
      modelId: message.model_id,
      prompt: message.prompt,
      messages: message.messages,
      maxNewTokens: message.max_new_tokens,
      sampling: message.sampling,
      precision: message.precision,
      account,
    };
    const result = await this.generation.generate(
      request,
      {
        started: async (_pipeline, inputTokens) => {
          await link.send({ type: 'request-started', request_id: requestId, input_tokens: inputTokens });
        },
        token: async (index, tokenId, text) => {
          await link.send({ type: 'request-token', request_id: requestId, index, token_id: tokenId, text });
        },
        // The asking side learns of it when the answer begins.
        queued: () => undefined,
        waiting: (_layersMissing, seconds) =>
          void link.send({ type: 'request-waiting', request_id: requestId, seconds }),
      },
      signal,
    );
    if (!result.ok) {
      this.end(link, requestId, result.error);
      return;
    }
    const made = settlement as FederationSettlement | null;
    const isSent = await link.send({
      type: 'request-ended',
      request_id: requestId,
      finish_reason: result.value.finish_reason,
      settlement: made === null ? null : { ...made },
      error: null,
    });
    // The link may have come back while the work was booked; what was owed then was sent without this.
    if (!isSent && made !== null) await this.settlements.flush(peer);
  }

  /** The peer pays under the agreement: its terms were checked, nobody's balance here is touched, the nodes earn. */
  private accountOf(peer: Peer, settled: (settlement: FederationSettlement) => void): RequestAccount {
    // The link may stand under a renewed agreement when the request ends.
    const { agreementId } = peer;
    return {
      hold: () =>
        Promise.resolve(success({ amountMicroGft: Number.MAX_SAFE_INTEGER, release: () => Promise.resolve() })),
      settle: async (request, work, end) => {
        let made: FederationSettlement | null = null;
        const note = `Served for ${peer.name} under the agreement ${agreementId}`;
        const result = await this.cashier.settleForPeer(work, note, async (transaction, ledgerRef, workMicroGft) => {
          made = await this.settlements.bookServed(
            transaction,
            peer,
            {
              agreementId,
              requestId: request.requestId,
              modelId: request.modelId,
              precision: work.precision,
              inputTokens: work.inputTokens,
              outputTokens: work.outputTokens,
              finishReason: end.reason,
              workMicroGft,
            },
            ledgerRef,
          );
          return made.server_ref;
        });
        if (made !== null) settled(made);
        return result;
      },
    };
  }

  private end(link: SealedLink, requestId: string, { code, message, retryable }: CoordinatorFailure): void {
    void link.send({
      type: 'request-ended',
      request_id: requestId,
      finish_reason: 'error',
      settlement: null,
      error: { code, message: message.slice(0, 2_000), retryable },
    });
  }
}
