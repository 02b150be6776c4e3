import type { AccessRule } from './principal';

/** Where a call names the node it concerns. */
export interface Concern {
  readonly part: 'params' | 'body';
  readonly field: string;
}

/** What a route asks of its caller. */
export interface RouteRule {
  readonly rule: AccessRule;
  /** For `owner` and `spender`: where the node is named. */
  readonly concerns?: Concern;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route asks of its caller; without it the table below decides, and a route in neither is for members. */
    access?: RouteRule;
  }
}

const ANYONE: RouteRule = { rule: { who: 'anyone' } };
const MEMBER: RouteRule = { rule: { who: 'member' } };
const ADMINISTRATOR: RouteRule = { rule: { who: 'administrator' } };

const owner = (field: string, part: Concern['part'] = 'params'): RouteRule => ({
  rule: { who: 'owner' },
  concerns: { part, field },
});

/** Routes of the baseline, in one table, so that what a stranger can reach is read in one place. */
const BASELINE_RULES: Readonly<Record<string, RouteRule>> = {
  'GET /': ANYONE,
  'GET /health': ANYONE,
  // The connection proves its key after the upgrade and is judged then.
  'GET /ws': ANYONE,
  // So does the link of another coordinator, whose key must be that of a peer under an agreement.
  'GET /federation': ANYONE,
  'POST /federation/terminations': ANYONE,
  'GET /access': ANYONE,
  'GET /access/me': ANYONE,
  'POST /access/join': ANYONE,
  'POST /access/session': ANYONE,
  'DELETE /access/session': ANYONE,
  // Whoever asks needs a node id to be charged under, so a member who only asks registers as well.
  'POST /nodes/register': { rule: { who: 'member' } },

  'GET /nodes/:id': MEMBER,
  'DELETE /nodes/:id': owner('id'),
  'POST /nodes/:id/heartbeat': owner('id'),
  'POST /nodes/:id/hardware-update': owner('id'),
  'POST /nodes/:id/unsuspend': owner('id'),
  'POST /inference/shards/register': owner('node_id', 'body'),
  'POST /inference/shards/heartbeat/:node_id': owner('node_id'),
  'DELETE /inference/shards/:node_id': owner('node_id'),
  'POST /inference/generate': { rule: { who: 'spender' }, concerns: { part: 'body', field: 'node_id' } },
  'POST /tasks/dispatch/:id': owner('id'),
  'POST /tasks/result': owner('node_id', 'body'),
  'GET /tokens/:id/balance': owner('id'),
  'GET /tokens/:id/history': owner('id'),
  'POST /tokens/redeem': { rule: { who: 'spender' }, concerns: { part: 'body', field: 'node_id' } },
  'POST /grid/nodes/:id/region': owner('id'),
};

/** In open mode the baseline lets everybody tell the state of a grid; elsewhere it is the administrators' business. */
const GRID_UPDATE = 'POST /grid/states/update';

/** Showing and ending an agreement: signed objects that prove themselves, and the way in for whoever is outside. */
const AGREEMENTS = '/access/agreements';

/**
 * Discovery and handshakes carry signed objects that prove themselves as well. Where members alone come in, who is there
 * and what they say to each other is the members' business; strangers meet elsewhere and come back with an agreement.
 */
const SIGNED_OBJECTS: readonly string[] = ['/discovery', '/handshakes'];

/** The description of the API tells a stranger how to ask, and nothing else. */
const API_PAGE = '/docs';

/** What a route asks of its caller under a policy. */
export function ruleOf(
  method: string,
  url: string,
  declared: RouteRule | undefined,
  policy: 'open' | 'keyed' | 'institution',
): RouteRule {
  if (declared !== undefined) return declared;
  // Fastify answers HEAD with the route of GET.
  const name = `${method === 'HEAD' ? 'GET' : method} ${url}`;
  if (name === GRID_UPDATE) return policy === 'open' ? MEMBER : ADMINISTRATOR;
  if (url.startsWith(AGREEMENTS)) return ANYONE;
  if (SIGNED_OBJECTS.some((prefix) => url.startsWith(prefix))) return policy === 'institution' ? MEMBER : ANYONE;
  if (url.startsWith(API_PAGE)) return ANYONE;
  return BASELINE_RULES[name] ?? MEMBER;
}
