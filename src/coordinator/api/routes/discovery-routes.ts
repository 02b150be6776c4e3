import { Type } from 'typebox';
import { DiscoveryQuery } from '../../../protocol/trust/discovery-search';
import { success } from '../../../protocol/result';
import { TRUST_LIMITS } from '../../../protocol/trust/trust-limits';
import { refuse } from '../../errors';
import type { CoordinatorServices } from '../../services';
import { timestampOf } from '../../clock';
import { sendResult, type ApiServer } from '../server-types';

/** Signed objects are read by the protocol itself, which says what is wrong in them; the server only bounds them. */
const SignedObject = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown());
const Links = Type.Array(Type.Unknown(), { maxItems: TRUST_LIMITS.maxKeyLinks });
const RecordParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });
const PartyParams = Type.Object({ node_id: Type.String({ minLength: 1, maxLength: 200 }) });

/** A record with all its links and room for the JSON around them. */
const RECORD_BODY_BYTES = 4 * TRUST_LIMITS.maxRecordBytes;

/** `/discovery/*`: the index of signed records (tore-0002). */
export function discoveryRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { discovery, partyKeys, coordinatorId, clock } = services;

  app.get('/discovery', async () => ({
    coordinator_id: coordinatorId,
    server_time: timestampOf(clock.nowMs()),
    terms: await discovery.terms(),
  }));

  app.get('/discovery/records', { schema: { querystring: DiscoveryQuery } }, async (request, reply) =>
    sendResult(reply, success(await discovery.search(request.query))),
  );

  app.get('/discovery/records/:id', { schema: { params: RecordParams } }, async (request, reply) => {
    const record = await discovery.find(request.params.id);
    const unknown = refuse('record-unknown', 'No record with this id is in date here.');
    return sendResult(reply, record === null ? unknown : success(record));
  });

  app.post(
    '/discovery/records',
    {
      bodyLimit: RECORD_BODY_BYTES,
      schema: { body: Type.Object({ record: SignedObject, key_links: Type.Optional(Links) }) },
    },
    async (request, reply) => {
      const published = await discovery.publish(request.body.record, request.body.key_links ?? []);
      return sendResult(reply, published, { success: 201 });
    },
  );

  app.post(
    '/discovery/withdrawals',
    { bodyLimit: RECORD_BODY_BYTES, schema: { body: SignedObject } },
    async (request, reply) => sendResult(reply, await discovery.withdraw(request.body)),
  );

  app.get('/discovery/parties/:node_id/key-links', { schema: { params: PartyParams } }, async (request, reply) => {
    const { node_id: nodeId } = request.params;
    return reply.send({ node_id: nodeId, key_links: await partyKeys.linksOf(nodeId) });
  });
}
