import { asksForTooManyLogProbabilities, LOG_PROBABILITY_LIMITS } from '../../protocol/compute/log-probabilities';
import type { Sampling } from '../../protocol/compute/model';
import type { Random } from '../clock';
import { refuse } from '../errors';
import type { GenerateRequest } from './generate-service';

/** The refusal of a request whose answer could carry more log-probabilities than are held for one, or null. */
export function refuseLogProbabilities(request: GenerateRequest): ReturnType<typeof refuse> | null {
  const { top_logprobs: topCount } = samplingOf(request);
  if (!asksForTooManyLogProbabilities(topCount, request.maxNewTokens)) return null;
  return refuse(
    'log-probabilities-too-many',
    `An answer carries at most ${LOG_PROBABILITY_LIMITS.maxPerAnswer} log-probabilities; ${request.maxNewTokens} tokens with ${topCount ?? 0} alternatives each are more.`,
    { suggestion: 'Ask for fewer tokens or fewer alternatives.' },
  );
}

/** How the nodes shall sample. A shard that takes over has to draw the same numbers, so the seed is settled here. */
export function settledSampling(request: GenerateRequest, random: Random): Sampling {
  const seed = request.sampling.seed ?? Buffer.from(random.bytes(4)).readUInt32LE();
  return { ...samplingOf(request), seed };
}

/** Whether the requester can ask for the same answer again: greedily, or with a seed of their own. */
export function isRepeatable({ sampling }: GenerateRequest): boolean {
  return sampling.temperature === 0 || sampling.seed !== undefined;
}

/** An answer for another coordinator carries no log-probabilities, so nobody needs to compute them. */
function samplingOf({ sampling, account }: GenerateRequest): Sampling {
  const { top_logprobs: topCount, ...plain } = sampling;
  return account === undefined || topCount === undefined ? sampling : plain;
}
