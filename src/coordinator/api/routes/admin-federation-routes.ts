import { Type } from 'typebox';
import type { FederationView, StatementViews } from '../../../protocol/federation/administration';
import { differencesOf } from '../../../protocol/federation/statement';
import { timestampOf } from '../../clock';
import type { Federation } from '../../federation/federation';
import type { Peer } from '../../federation/peer';
import { MAX_DIFFERENCES } from '../../federation/statement-desk';
import { peerView } from '../../federation/peer-view';
import { refuse, type CoordinatorResult } from '../../errors';
import { success } from '../../../protocol/result';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { ADMINISTRATOR_ONLY } from './admin-access';

const DAY_MS = 86_400_000;
const PeerParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) });
const DayQuery = Type.Object({
  /** A day in UTC; of `reconcile` today when it is left out, of `statements` all. */
  day: Type.Optional(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' })),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 31 }),
});

/** Midnight in UTC of a day, or of today. Fails with `message-invalid` for a day that does not exist. */
function dayOf(text: string | undefined, nowMs: number): CoordinatorResult<number> {
  if (text === undefined) return success(Math.floor(nowMs / DAY_MS) * DAY_MS);
  const atMs = Date.parse(`${text}T00:00:00.000Z`);
  return Number.isFinite(atMs) && new Date(atMs).toISOString().startsWith(text)
    ? success(atMs)
    : refuse('message-invalid', `The day ${text} does not exist.`);
}

/** `/admin/federation/*`: peers with their agreements, traffic and statements; cut and resume. */
export function adminFederationRoutes(app: ApiServer, services: CoordinatorServices): void {
  const found = (name: string): CoordinatorResult<{ federation: Federation; peer: Peer }> => {
    const { federation } = services;
    if (federation === null) return refuse('federation-off', 'This coordinator is linked with no other.');
    const peer = federation.links.find(name);
    return peer === undefined ? refuse('peer-unknown', `There is no peer "${name}".`) : success({ federation, peer });
  };

  app.get('/admin/federation', ADMINISTRATOR_ONLY, async (): Promise<FederationView> => {
    const { federation } = services;
    if (federation === null) return { public_key: null, peers: [] };
    const peers = await Promise.all(federation.links.peers.map((peer) => peerView(federation, peer)));
    return { public_key: federation.publicKey, peers };
  });

  for (const act of ['cut', 'resume'] as const) {
    app.post(
      `/admin/federation/peers/:name/${act}`,
      { ...ADMINISTRATOR_ONLY, schema: { params: PeerParams } },
      async (request, reply) => {
        const target = found(request.params.name);
        if (!target.ok) return sendResult(reply, target);
        const { federation, peer } = target.value;
        await federation.links[act](peer);
        return reply.send(await peerView(federation, peer));
      },
    );
  }

  app.get(
    '/admin/federation/peers/:name/statements',
    { ...ADMINISTRATOR_ONLY, schema: { params: PeerParams, querystring: DayQuery } },
    async (request, reply) => {
      const target = found(request.params.name);
      if (!target.ok) return sendResult(reply, target);
      const { day, limit } = request.query;
      const from = dayOf(day, services.clock.nowMs());
      if (!from.ok) return sendResult(reply, from);
      const { federation, peer } = target.value;
      const kept = await federation.statements.kept(peer, limit, day === undefined ? undefined : from.value);
      const answer: StatementViews = {
        statements: kept.map(({ fromMs, toMs, state, statement, theirs }) => ({
          from: timestampOf(fromMs),
          to: timestampOf(toMs),
          state,
          statement,
          differences:
            theirs === null ? [] : differencesOf(statement.entries, theirs.entries).slice(0, MAX_DIFFERENCES),
        })),
      };
      return reply.send(answer);
    },
  );

  app.post(
    '/admin/federation/peers/:name/reconcile',
    { ...ADMINISTRATOR_ONLY, schema: { params: PeerParams, querystring: DayQuery } },
    async (request, reply) => {
      const target = found(request.params.name);
      if (!target.ok) return sendResult(reply, target);
      const from = dayOf(request.query.day, services.clock.nowMs());
      if (!from.ok) return sendResult(reply, from);
      const { federation, peer } = target.value;
      const compared = await federation.statements.compare(peer, from.value, from.value + DAY_MS);
      if (!compared.ok) return sendResult(reply, compared);
      const answer: StatementViews = {
        statements: compared.value.map(({ from: start, to, equal, statement, differences }) => ({
          from: start,
          to,
          state: equal ? (statement.signatures.length === 2 ? 'signed' : 'equal') : 'differs',
          statement,
          differences: [...differences],
        })),
      };
      return reply.send(answer);
    },
  );
}
