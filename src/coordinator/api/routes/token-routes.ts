import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { countRequestFlops } from '../../../protocol/compute/flops';
import { FLOPS_PER_GFLOP, PRECISION_FACTORS } from '../../../protocol/compute/formulas';
import { toWireGft } from '../../../protocol/compute/micro-gft';
import { SAMPLING_LIMITS } from '../../../protocol/compute/model';
import {
  PrecisionName,
  TokenRedemption,
  type LedgerAudit,
  type LedgerCheckpoints,
  type TokenCostEstimate,
  type TokenHistory,
  type TokenRedemptionAnswer,
} from '../../../protocol/compute/http/tokens';
import { success } from '../../../protocol/result';
import { refuse } from '../../errors';
import { LEDGER_MEDIA_TYPES, ledgerLines, type LedgerFormat } from '../../ledger/ledger-export';
import { estimatedPrice } from '../../ledger/pricing';
import { unknownNode } from '../../nodes/node-service';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { ADMINISTRATOR_ONLY } from './admin-access';
import { unknownModel } from './inference-routes';
import { NodeParams } from './node-routes';

/** Entries in one answer; about a megabyte of JSON. */
const MAX_LISTED_ENTRIES = 1_000;

const HistoryQuery = Type.Object({ limit: Type.Integer({ minimum: 1, maximum: MAX_LISTED_ENTRIES, default: 50 }) });
const AuditQuery = Type.Object({ limit: Type.Integer({ minimum: 1, maximum: MAX_LISTED_ENTRIES, default: 100 }) });
const EstimateQuery = Type.Object({
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  output_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  precision: Type.Optional(PrecisionName),
});

const ExportQuery = Type.Object({
  format: Type.Union([Type.Literal('jsonl'), Type.Literal('csv')], { default: 'jsonl' }),
});
const CheckpointsQuery = Type.Object({
  after_number: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }),
  limit: Type.Integer({ minimum: 1, maximum: MAX_LISTED_ENTRIES, default: 100 }),
});
/** Anybody can check the ledger with what is published; it names no node. */
const PUBLISHED = { config: { access: { rule: { who: 'anyone' } } } } as const;
const OWN_ENTRIES = {
  config: { access: { rule: { who: 'owner' }, concerns: { part: 'params', field: 'id' } } },
} as const;

/** `/tokens/*`: balances and the ledger. Without a token economy every one of them answers 503, whatever was sent. */
export function tokenRoutes(server: ApiServer, services: CoordinatorServices): void {
  const { ledger, nodes, catalogue, verifier, cashier, checkpoints, database } = services;
  /** Streams entries; a fault on the way ends the connection, so that half an export is never taken for a whole one. */
  const sendLines = (reply: FastifyReply, format: LedgerFormat, nodeId?: string): FastifyReply =>
    reply
      .header('content-type', LEDGER_MEDIA_TYPES[format])
      .header('content-disposition', `attachment; filename="ledger.${format}"`)
      .send(Readable.from(ledgerLines(database, format, { nodeId })));
  void server.register((app: ApiServer, _options, done) => {
    app.addHook('onRequest', async (_request, reply) => {
      if (services.config.tokenEconomy) return undefined;
      return sendResult(reply, refuse('tokens-off', 'The token economy is off on this coordinator.'));
    });

    app.get('/tokens/:id/balance', { schema: { params: NodeParams } }, async (request, reply) => {
      const node = await nodes.find(request.params.id);
      if (node === undefined) return sendResult(reply, unknownNode(request.params.id));
      return reply.send(await ledger.balanceView(node.id, node.registered_at));
    });

    app.get(
      '/tokens/:id/history',
      { schema: { params: NodeParams, querystring: HistoryQuery } },
      async (request, reply) => {
        const node = await nodes.find(request.params.id);
        if (node === undefined) return sendResult(reply, unknownNode(request.params.id));
        const answer: TokenHistory = {
          node_id: node.id,
          entries: await ledger.newest(request.query.limit, node.id),
          total_entries: await ledger.countOf(node.id),
        };
        return reply.send(answer);
      },
    );

    app.post('/tokens/redeem', { schema: { body: TokenRedemption } }, async (request, reply) => {
      const { body } = request;
      const node = await nodes.find(body.node_id);
      if (node === undefined || node.status === 'deregistered') return sendResult(reply, unknownNode(body.node_id));
      const model = catalogue.find(body.model_id);
      if (model === undefined) return sendResult(reply, unknownModel(body.model_id));
      const { shape } = model.manifest;
      const precision = body.precision ?? 'fp16';
      const redeemed = await cashier.redeem(node.id, body.inference_request_id, shape, body.output_tokens, precision);
      if (!redeemed.ok) return sendResult(reply, redeemed);
      const answer: TokenRedemptionAnswer = {
        success: true,
        gft_deducted: toWireGft(-redeemed.value.amountMicroGft),
        new_balance: toWireGft(redeemed.value.balanceMicroGft),
        ledger_entry_id: redeemed.value.entry.id,
      };
      return sendResult(reply, success(answer));
    });

    app.get('/tokens/cost/estimate', { schema: { querystring: EstimateQuery } }, (request, reply) => {
      const { model_id: modelId, output_tokens: outputTokens, precision = 'fp16' } = request.query;
      const model = catalogue.find(modelId);
      if (model === undefined) return sendResult(reply, unknownModel(modelId));
      const { shape } = model.manifest;
      const answer: TokenCostEstimate = {
        model_id: modelId,
        output_tokens: outputTokens,
        precision,
        gflops_per_token: countRequestFlops(shape, 1, outputTokens) / outputTokens / FLOPS_PER_GFLOP,
        precision_factor: PRECISION_FACTORS[precision],
        total_gft_cost: toWireGft(estimatedPrice(shape, outputTokens, precision)),
      };
      return reply.send(answer);
    });

    app.get(
      '/tokens/:id/export',
      { ...OWN_ENTRIES, schema: { params: NodeParams, querystring: ExportQuery } },
      async (request, reply) => {
        const node = await nodes.find(request.params.id);
        if (node === undefined) return sendResult(reply, unknownNode(request.params.id));
        return sendLines(reply, request.query.format, node.id);
      },
    );

    app.get(
      '/tokens/ledger/export',
      { ...ADMINISTRATOR_ONLY, schema: { querystring: ExportQuery } },
      (request, reply) => sendLines(reply, request.query.format),
    );

    app.get('/tokens/ledger/checkpoints', { ...PUBLISHED, schema: { querystring: CheckpointsQuery } }, (request) => {
      const { after_number: after, limit } = request.query;
      return checkpoints.after(after, limit) satisfies Promise<LedgerCheckpoints>;
    });

    app.get('/tokens/ledger/checkpoints/latest', PUBLISHED, async (_request, reply) => {
      const newest = await checkpoints.newest();
      if (newest !== null) return reply.send(newest);
      return sendResult(reply, refuse('checkpoint-unknown', 'No checkpoint of this ledger was signed yet.'));
    });

    app.get('/tokens/ledger/verify', () => verifier.verifyAll());

    app.get('/tokens/ledger/audit', { schema: { querystring: AuditQuery } }, async (request, reply) => {
      const checked = await verifier.advance();
      const answer: LedgerAudit = {
        entries: await ledger.newest(request.query.limit),
        total_entries: (await ledger.head()).entries,
        chain_valid: checked.valid,
      };
      return reply.send(answer);
    });
    done();
  });
}
