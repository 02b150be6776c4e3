import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FEDERATION_PATH } from '../../protocol/federation/limits';
import { REQUEST_PROOF_HEADERS, REQUEST_PROOF_LIMITS } from '../../protocol/wire/request-proof';
import type { ApiServer } from '../api/server-types';
import { sendResult } from '../api/server-types';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import type { AccessService, SignedRequest } from './access-service';
import type { Principal } from './principal';
import { ruleOf, type RouteRule } from './route-rules';
import { matchesSecret, secretHash } from './secrets';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is asking; set before any handler runs. */
    principal: Principal;
    /** SHA-256 of the body's bytes, for signed requests. */
    bodySha256: string;
  }
}

const EMPTY_SHA256 = createHash('sha256').update('').digest('hex');

/** The bearer in a header, or null. */
function bearerOf(value: string | string[] | undefined): string | null {
  if (typeof value !== 'string') return null;
  return /^Bearer +(\S+) *$/i.exec(value)?.[1] ?? null;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The proof a request carries: none, a malformed one, or one to check. */
function signedRequestOf(request: FastifyRequest): SignedRequest | 'none' | 'malformed' {
  const publicKey = headerOf(request, REQUEST_PROOF_HEADERS.key);
  const time = headerOf(request, REQUEST_PROOF_HEADERS.time);
  const nonce = headerOf(request, REQUEST_PROOF_HEADERS.nonce);
  const signature = headerOf(request, REQUEST_PROOF_HEADERS.signature);
  if (publicKey === undefined && signature === undefined) return 'none';
  if (publicKey === undefined || time === undefined || nonce === undefined || signature === undefined)
    return 'malformed';
  const { minNonceLength, maxNonceLength } = REQUEST_PROOF_LIMITS;
  const isFormed =
    /^[A-Za-z0-9+/]{43}=$/.test(publicKey) &&
    /^\d{1,16}$/.test(time) &&
    /^[A-Za-z0-9+/=_-]+$/.test(nonce) &&
    nonce.length >= minNonceLength &&
    nonce.length <= maxNonceLength &&
    /^[A-Za-z0-9+/]{86}==$/.test(signature);
  if (!isFormed) return 'malformed';
  const { method, url: target, bodySha256 } = request;
  return { publicKey, timeMs: Number(time), nonce, signature, method, target, bodySha256 };
}

/** Notes the hash of a body that was read, for the check of its signature. */
export function noteBody(request: FastifyRequest, body: Uint8Array): void {
  if (headerOf(request, REQUEST_PROOF_HEADERS.signature) === undefined) return;
  request.bodySha256 = createHash('sha256').update(body).digest('hex');
}

/** The door of every HTTP call: the access token, who is asking, how often, and whether they may. */
export class HttpGate {
  private readonly accessTokenHash: string | null;

  constructor(
    private readonly access: AccessService,
    config: Pick<CoordinatorConfig, 'accessToken'>,
  ) {
    this.accessTokenHash = config.accessToken === null ? null : secretHash(config.accessToken);
  }

  /** Hooks the gate into a server, before any route. */
  install(app: ApiServer): void {
    app.decorateRequest('principal', null as unknown as Principal);
    app.decorateRequest('bodySha256', EMPTY_SHA256);
    app.addHook('onRequest', (request, reply) => this.atRequest(request, reply));
    app.addHook('preValidation', (request, reply) => this.atBody(request, reply));
    app.addHook('preHandler', (request, reply) => this.atHandler(request, reply));
  }

  /** Before the body is read: tokens, and what needs no signature. */
  private async atRequest(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const bearer = bearerOf(request.headers.authorization);
    const session = headerOf(request, REQUEST_PROOF_HEADERS.session) ?? null;
    const known = await this.principalOfTokens(bearer, session);
    // The link of a coordinator proves a stronger secret than the token, and its peer need not know it.
    if (this.accessTokenHash !== null && request.routeOptions.url !== FEDERATION_PATH) {
      // The length of the work must not depend on whether a token was given.
      const isGiven = matchesSecret(bearer ?? '', this.accessTokenHash) && bearer !== null;
      if (!isGiven && known === null) return this.refuseToken(reply);
    }
    const signed = signedRequestOf(request);
    if (signed === 'malformed') {
      return this.answer(
        reply,
        refuse('identity-invalid', 'The headers of the signed request are incomplete or malformed.'),
      );
    }
    if (session !== null && known === null) {
      return this.answer(
        reply,
        refuse('identity-invalid', 'The session is over or unknown.', { suggestion: 'Open a new one.' }),
      );
    }
    request.principal = known ?? this.access.anonymous();
    if (signed !== 'none' && known === null) return undefined;
    return this.judge(request, reply);
  }

  /** After the body was read: signatures, which cover it. */
  private async atBody(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const signed = signedRequestOf(request);
    if (signed === 'none' || signed === 'malformed' || request.principal.publicKey !== null) return undefined;
    if (request.principal.roles.has('administrator')) return undefined;
    const principal = await this.access.principalOfSigned(signed);
    if (!principal.ok) return this.answer(reply, principal);
    request.principal = principal.value;
    return this.judge(request, reply);
  }

  /** Before the handler: whose node the call concerns. */
  private async atHandler(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { rule, concerns } = this.ruleFor(request);
    if (concerns === undefined) return undefined;
    const part: unknown = concerns.part === 'params' ? request.params : request.body;
    const nodeId: unknown =
      typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[concerns.field] : undefined;
    if (typeof nodeId !== 'string') return undefined;
    const allowed = await this.access.mayActFor(request.principal, nodeId, rule);
    return allowed.ok ? undefined : this.answer(reply, allowed);
  }

  private async principalOfTokens(bearer: string | null, session: string | null): Promise<Principal | null> {
    const byBearer = bearer === null ? null : await this.access.principalOfBearer(bearer);
    return byBearer ?? (session === null ? null : this.access.principalOfBearer(session));
  }

  private ruleFor(request: FastifyRequest): RouteRule {
    const { url, config } = request.routeOptions;
    return ruleOf(request.method, url ?? '', config.access, this.access.terms.policy);
  }

  /** Whether the caller may call this at all, and has calls left. Addresses are counted before, by the server. */
  private judge(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
    // A call that no route takes answers 404 to everybody.
    if (request.is404) return undefined;
    const allowed = this.access.admit(request.principal, this.ruleFor(request).rule);
    if (!allowed.ok) return this.answer(reply, allowed);
    const { publicKey } = request.principal;
    if (publicKey === null) return undefined;
    const taken = this.access.takeCall(publicKey);
    return taken.ok ? undefined : this.answer(reply, taken);
  }

  private refuseToken(reply: FastifyReply): FastifyReply {
    return reply
      .code(401)
      .header('www-authenticate', 'Bearer')
      .send({ detail: 'The access token of this coordinator is missing or wrong.' });
  }

  private answer(reply: FastifyReply, refused: CoordinatorResult<unknown>): FastifyReply {
    if (!refused.ok && refused.error.code === 'identity-required') void reply.header('www-authenticate', 'Bearer');
    return sendResult(reply, refused);
  }
}
