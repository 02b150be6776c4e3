import type { FastifyInstance } from 'fastify';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, reasonOf, systemCodeOf, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import { createLocalApiServer, type LocalApiHost } from './local-api-server';

/** The endpoint is for programs of this computer: it is never opened to the network. */
const HOST = '127.0.0.1';

/** Opens and closes the local endpoint. */
export class LocalApi {
  readonly #host: LocalApiHost;
  readonly #logger: NodeLogger;
  #server: FastifyInstance | null = null;

  constructor(host: LocalApiHost, logger: NodeLogger) {
    this.#host = host;
    this.#logger = logger;
  }

  /**
   * Listens on loopback; an endpoint that was open is closed first.
   * @param port - 0 takes any free one
   * @returns the address programs are given as their base URL, or `listen-failed`
   */
  async open(port: number): Promise<Result<{ readonly baseUrl: string }, NodeErrorCode>> {
    await this.close();
    const server = createLocalApiServer(this.#host, this.#logger);
    try {
      await server.listen({ host: HOST, port });
    } catch (thrown) {
      await server.close();
      const taken = systemCodeOf(thrown) === 'EADDRINUSE';
      const why = taken ? 'another program uses it' : reasonOf(thrown);
      return nodeFailure('listen-failed', `The local endpoint cannot listen on port ${port}: ${why}.`, {
        suggestion: 'Choose another port.',
      });
    }
    this.#server = server;
    const address = server.server.address();
    const chosen = typeof address === 'object' && address !== null ? address.port : port;
    return success({ baseUrl: `http://${HOST}:${chosen}/v1` });
  }

  /** Ends running requests, which are cancelled and charged for what they produced. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.close();
  }
}
