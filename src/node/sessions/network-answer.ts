import { Value } from 'typebox/value';
import { v7 } from 'uuid';
import { ModelListings } from '../../protocol/compute/http/inference';
import type { ChatMessage } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import { CoordinatorRecords } from '../coordinator-records';
import { parseCoordinatorUrl } from '../coordinator-client/coordinator-url';
import type { GenerateOptions } from '../coordinator-client/coordinator-client';
import { generateOverHttp } from '../coordinator-client/http-generate';
import { refusal } from '../coordinator-client/http-connection';
import { CoordinatorHttp } from '../coordinator-client/http-requests';
import { nodeFailure } from '../errors';
import type { NodeIdentity } from '../identity/node-identity';
import { requestSigner } from '../identity/request-signer';
import { PartyClient } from '../party/party-client';

/** A model of the coordinator, as far as a question needs to know it. */
export interface NetworkModel {
  readonly modelId: string;
  /** Positions of prompt and answer together. */
  readonly contextLength: number;
}

/** A coordinator that is asked for answers with the key of a node, without being that node. */
export class NetworkAsker {
  private constructor(
    private readonly http: CoordinatorHttp,
    private readonly nodeId: string,
  ) {}

  /**
   * @param dataFolder - of the `tore-node` whose key it is; it remembers under which id the coordinator knows that key
   * @returns `not-connected` when that node has never registered there
   */
  static async open(options: {
    readonly url: string;
    readonly accessToken: string | null;
    readonly identity: NodeIdentity;
    readonly dataFolder: string;
  }): Promise<Result<NetworkAsker>> {
    const { identity, dataFolder, accessToken } = options;
    const url = parseCoordinatorUrl(options.url);
    if (!url.ok) return url;
    const record = await new CoordinatorRecords(dataFolder).find(url.value.base, identity.publicKey);
    if (!record.ok) return record;
    if (record.value === null) {
      return nodeFailure(
        'not-connected',
        `The coordinator ${url.value.base} does not know the node in ${dataFolder} yet.`,
        {
          suggestion: 'Start tore-node with this data folder and coordinator once: what it earns pays for answers.',
        },
      );
    }
    const http = new CoordinatorHttp(url.value.base, accessToken);
    const access = await new PartyClient(http).access();
    if (!access.ok) return access;
    return success(
      new NetworkAsker(http.signedBy(requestSigner(identity, access.value.coordinatorId)), record.value.nodeId),
    );
  }

  /** @returns `input-invalid` when the coordinator has no such model */
  async model(modelId: string): Promise<Result<NetworkModel>> {
    const answer = await this.http.send({ path: '/inference/models' });
    if (!answer.ok) return answer;
    if (answer.value.status >= 300) return refusal(answer.value, 'Reading the list of models');
    if (!Value.Check(ModelListings, answer.value.json)) {
      return nodeFailure('answer-invalid', 'The coordinator’s list of models cannot be read.');
    }
    const { models } = answer.value.json;
    const listed = models.find((each) => each.model_id === modelId);
    if (listed !== undefined) return success({ modelId, contextLength: listed.context_length });
    const names = models.map((each) => each.model_id).join(', ');
    return nodeFailure('input-invalid', `The coordinator has no model ${modelId}.`, {
      suggestion: names === '' ? 'It has none at all now.' : `It has: ${names}.`,
    });
  }

  ask(
    question: {
      readonly modelId: string;
      readonly messages: readonly ChatMessage[];
      readonly maxNewTokens: number;
      readonly temperature: number;
      readonly session?: { readonly sessionId: string; readonly participantId: string };
    },
    options: GenerateOptions,
  ): Promise<Result<GenerateOutcome>> {
    const { temperature, ...request } = question;
    const sampling = { temperature, top_k: 0, top_p: 1 };
    return generateOverHttp(this.http, this.nodeId, { requestId: v7(), ...request, sampling }, options);
  }
}
