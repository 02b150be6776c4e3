import { success, type Result } from '../protocol/result';
import { WIRE_LIMITS } from '../protocol/wire/limits';
import type { GenerateOutcome } from '../protocol/wire/messages';
import type { NodePreferences } from './contributor-options';
import type { CoordinatorConnection, GenerateOptions, GenerateRequest } from './coordinator-client/coordinator-client';
import { parseCoordinatorUrl } from './coordinator-client/coordinator-url';
import { refusal } from './coordinator-client/http-connection';
import { CoordinatorHttp, type HttpRequest } from './coordinator-client/http-requests';
import { nodeFailure } from './errors';

/** Characters of a request: JSON in UTF-8 may take four bytes for each, and has to fit into one message. */
const MAX_REQUEST_CHARACTERS = WIRE_LIMITS.maxTextBytes / 4;

/** What a person asks of a coordinator: answers and documents. */
export class Requester {
  constructor(private readonly preferences: () => Pick<NodePreferences, 'coordinatorUrl' | 'accessToken'>) {}

  /** Asks for an answer over a connection; null means that there is none. */
  async generate(
    connection: CoordinatorConnection | null,
    request: GenerateRequest,
    options: GenerateOptions,
  ): Promise<Result<GenerateOutcome>> {
    if ((request.prompt === undefined) === (request.messages === undefined)) {
      return nodeFailure('input-invalid', 'A request needs either a prompt or messages.');
    }
    if (JSON.stringify(request).length > MAX_REQUEST_CHARACTERS) {
      return nodeFailure('input-invalid', 'The conversation is too long for one request.', {
        suggestion: 'Start a new conversation or shorten the text.',
      });
    }
    if (connection === null) {
      return nodeFailure('not-connected', 'There is no connection to a coordinator at the moment.', {
        retryable: true,
        suggestion: 'Wait until the node is connected, then ask again.',
      });
    }
    return connection.generate(request, options);
  }

  /** Reads a JSON document; bounded in size and time. Paths begin with a slash and stay at the coordinator. */
  fetchJson(path: string, signal?: AbortSignal): Promise<Result<unknown>> {
    return this.request({ path, signal }, `Reading ${path.split('?')[0] ?? path}`);
  }

  async requestUnsuspension(nodeId: string): Promise<Result<void>> {
    const path = `/nodes/${encodeURIComponent(nodeId)}/unsuspend`;
    const answer = await this.request({ method: 'POST', path }, 'Lifting the suspension');
    return answer.ok ? success(undefined) : answer;
  }

  private async request(request: HttpRequest, what: string): Promise<Result<unknown>> {
    if (!request.path.startsWith('/') || request.path.startsWith('//')) {
      return nodeFailure('input-invalid', 'Only paths of the coordinator can be read.');
    }
    const { coordinatorUrl, accessToken } = this.preferences();
    const url = parseCoordinatorUrl(coordinatorUrl);
    if (!url.ok) return url;
    const answer = await new CoordinatorHttp(url.value.base, accessToken).send(request);
    if (!answer.ok) return answer;
    if (answer.value.status >= 300) return refusal(answer.value, what);
    if (answer.value.json === undefined) return nodeFailure('answer-invalid', `${what} gave no JSON.`);
    return success(answer.value.json);
  }
}
