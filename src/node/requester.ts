import { randomInt } from 'node:crypto';
import type { ModelSource } from '../inference';
import { SAMPLING_LIMITS } from '../protocol/compute/model';
import { success, type Result } from '../protocol/result';
import { WIRE_LIMITS } from '../protocol/wire/limits';
import type { GenerateOutcome } from '../protocol/wire/messages';
import type { NodePreferences } from './contributor-options';
import type {
  CoordinatorConnection,
  CoordinatorInfo,
  GenerateOptions,
  GenerateRequest,
} from './coordinator-client/coordinator-client';
import { parseCoordinatorUrl } from './coordinator-client/coordinator-url';
import { refusal } from './coordinator-client/http-connection';
import { readRecord, readText } from './coordinator-client/reading';
import { downloadTo } from './coordinator-client/http-download';
import { CoordinatorHttp, type HttpRequest } from './coordinator-client/http-requests';
import { nodeFailure } from './errors';
import type { NodeIdentity } from './identity/node-identity';
import { requestSigner, type SignRequest } from './identity/request-signer';

/** Characters of a request: JSON in UTF-8 may take four bytes for each, and has to fit into one message. */
const MAX_REQUEST_CHARACTERS = WIRE_LIMITS.maxTextBytes / 4;

/** Characters of an answer; more of them could not be settled, which takes one message as well. */
const MAX_ANSWER_CHARACTERS = WIRE_LIMITS.maxTextBytes;

/** Connections one answer may be spread over; a line that breaks more often brings it no further. */
const MAX_RESUMPTIONS = 16;
const MAX_SEED = 2 ** 32;

/** Why a request cannot be asked at all, or null. */
function problemOf(request: GenerateRequest): ReturnType<typeof nodeFailure> | null {
  if ((request.prompt === undefined) === (request.messages === undefined)) {
    return nodeFailure('input-invalid', 'A request needs either a prompt or messages.');
  }
  if (JSON.stringify(request).length > MAX_REQUEST_CHARACTERS) {
    return nodeFailure('input-invalid', 'The conversation is too long for one request.', {
      suggestion: 'Start a new conversation or shorten the text.',
    });
  }
  return null;
}

function notConnected(): ReturnType<typeof nodeFailure> {
  return nodeFailure('not-connected', 'There is no connection to a coordinator at the moment.', {
    retryable: true,
    suggestion: 'Wait until the node is connected, then ask again.',
  });
}

/** What a person asks of a coordinator: answers and documents. */
export class Requester {
  /** Signs where the connected coordinator wants it; null before a connection, and for an open coordinator. */
  private signing: { readonly baseUrl: string; readonly sign: SignRequest } | null = null;

  constructor(private readonly preferences: () => Pick<NodePreferences, 'coordinatorUrl' | 'accessToken'>) {}

  /** The coordinator that was connected to, and the key it knows this node by. */
  speakAs(identity: NodeIdentity, { baseUrl, signFor }: Pick<CoordinatorInfo, 'baseUrl' | 'signFor'>): void {
    this.signing = signFor === undefined ? null : { baseUrl, sign: requestSigner(identity, signFor) };
  }

  /** How calls to an address are signed: what is signed for one coordinator is for the eyes of no other. */
  private signFor(baseUrl: string): SignRequest | null {
    return this.signing?.baseUrl === baseUrl ? this.signing.sign : null;
  }

  /**
   * Asks for an answer. A connection that is lost in the middle is waited for, and the rest of the answer taken over the
   * next one: the request keeps its id, so it is neither run nor charged twice.
   *
   * @param connect - a connection other than the lost one, once there is one; null when none came in time
   */
  async generate(
    connect: (lost: CoordinatorConnection | null) => Promise<CoordinatorConnection | null>,
    request: GenerateRequest,
    options: GenerateOptions,
  ): Promise<Result<GenerateOutcome>> {
    const problem = problemOf(request);
    if (problem !== null) return problem;
    const isCancelled = (): boolean => options.signal?.aborted === true;
    const seeded = {
      ...request,
      sampling: { ...request.sampling, seed: request.sampling.seed ?? randomInt(MAX_SEED) },
    };
    let received = 0;
    let characters = 0;
    let connection = await connect(null);
    if (connection === null) return notConnected();
    for (let resumptions = 0; ; resumptions += 1) {
      const answer: Result<GenerateOutcome> = await connection.generate(seeded, {
        ...options,
        resumeFrom: resumptions === 0 ? undefined : received,
        onStarted: (start) => {
          // A coordinator that knows nothing of the request begins it anew.
          if (start.isResumed !== true) received = characters = 0;
          options.onStarted?.(start);
        },
        onToken: (token) => {
          if (token.index < received || token.index >= SAMPLING_LIMITS.maxNewTokens) return;
          if (characters + token.text.length > MAX_ANSWER_CHARACTERS) return;
          received = token.index + 1;
          characters += token.text.length;
          options.onToken?.(token);
        },
      });
      const isLost = !answer.ok && answer.error.code === 'connection-lost' && connection.transport === 'websocket';
      if (!isLost || resumptions >= MAX_RESUMPTIONS || isCancelled()) return answer;
      const next = await connect(connection);
      if (isCancelled()) return nodeFailure('cancelled', 'The request was cancelled.');
      // Another coordinator was chosen meanwhile: it knows nothing of the request, and was not asked.
      if (next === null || next.info.baseUrl !== connection.info.baseUrl) return answer;
      connection = next;
    }
  }

  /** Reads a JSON document; bounded in size and time. Paths begin with a slash and stay at the coordinator. */
  fetchJson(path: string, signal?: AbortSignal): Promise<Result<unknown>> {
    return this.request({ path, signal }, `Reading ${path.split('?')[0] ?? path}`);
  }

  /**
   * Where the coordinator's models can be fetched, and with what. The engine that fetches them does not hold this node's
   * key; where calls are signed it gets a short session instead.
   */
  async modelSource(): Promise<Result<ModelSource>> {
    const { coordinatorUrl: baseUrl, accessToken } = this.preferences();
    const url = parseCoordinatorUrl(baseUrl);
    if (!url.ok || this.signFor(url.value.base) === null) {
      return success({ baseUrl, accessToken: accessToken ?? undefined });
    }
    const opened = await this.request({ method: 'POST', path: '/access/session', body: {} }, 'Opening a session');
    if (!opened.ok) return opened;
    const session = readText(readRecord(opened.value)?.['token'], 1_000);
    if (session === null) return nodeFailure('answer-invalid', 'The coordinator opened no session.');
    return success({ baseUrl, accessToken: session });
  }

  async requestUnsuspension(nodeId: string): Promise<Result<void>> {
    const path = `/nodes/${encodeURIComponent(nodeId)}/unsuspend`;
    const answer = await this.request({ method: 'POST', path }, 'Lifting the suspension');
    return answer.ok ? success(undefined) : answer;
  }

  /** Writes an answer of any size to a file; the failures of `downloadTo`. */
  async download(path: string, file: string): Promise<Result<void>> {
    const http = this.httpFor(path);
    return http.ok ? downloadTo(http.value, path, file, `Reading ${path.split('?')[0] ?? path}`) : http;
  }

  private httpFor(path: string): Result<CoordinatorHttp> {
    if (!path.startsWith('/') || path.startsWith('//')) {
      return nodeFailure('input-invalid', 'Only paths of the coordinator can be read.');
    }
    const { coordinatorUrl, accessToken } = this.preferences();
    const url = parseCoordinatorUrl(coordinatorUrl);
    if (!url.ok) return url;
    const http = new CoordinatorHttp(url.value.base, accessToken);
    const sign = this.signFor(url.value.base);
    return success(sign === null ? http : http.signedBy(sign));
  }

  private async request(request: HttpRequest, what: string): Promise<Result<unknown>> {
    const http = this.httpFor(request.path);
    if (!http.ok) return http;
    const answer = await http.value.send(request);
    if (!answer.ok) return answer;
    if (answer.value.status >= 300) return refusal(answer.value, what);
    if (answer.value.json === undefined) return nodeFailure('answer-invalid', `${what} gave no JSON.`);
    return success(answer.value.json);
  }
}
