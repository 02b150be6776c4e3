import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { CoordinatorResult } from '../errors';
import { errorBody, statusOf } from './http-status';

/** The server with schemas as types. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Where a reply can be sent, whatever its route. */
type Reply = Pick<FastifyReply, 'code' | 'send'>;

/** Sends a value, or the failure with its status; `statuses` overrides the status of some codes for one route. */
export function sendResult(
  reply: Reply,
  result: CoordinatorResult<unknown>,
  options: { readonly success?: number; readonly statuses?: Readonly<Record<string, number>> } = {},
): FastifyReply {
  if (result.ok) return reply.code(options.success ?? 200).send(result.value);
  return reply.code(options.statuses?.[result.error.code] ?? statusOf(result.error.code)).send(errorBody(result.error));
}
