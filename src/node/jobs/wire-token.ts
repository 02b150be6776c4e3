import type { GeneratedToken, TokenLogProbability } from '../../inference';
import type { LogProbability, TokenLogProbabilities } from '../../protocol/compute/log-probabilities';

/** A sampled token as messages to a coordinator carry it. */
export interface WireToken {
  readonly id: number;
  readonly text: string;
  readonly logprobs?: TokenLogProbabilities;
}

function logProbabilityOf({ tokenId, text, bytes, logProbability }: TokenLogProbability): LogProbability {
  return { id: tokenId, text, ...(bytes === undefined ? {} : { bytes: [...bytes] }), logprob: logProbability };
}

/** The log-probabilities of a token on the wire; undefined where nobody asked for them. */
export function wireLogProbabilitiesOf({ logProbabilities }: GeneratedToken): TokenLogProbabilities | undefined {
  if (logProbabilities === undefined) return undefined;
  return { ...logProbabilityOf(logProbabilities.own), top: logProbabilities.top.map(logProbabilityOf) };
}

/** A token of the engine on the wire. */
export function wireTokenOf(token: GeneratedToken): WireToken {
  const logprobs = wireLogProbabilitiesOf(token);
  return { id: token.tokenId, text: token.text, ...(logprobs === undefined ? {} : { logprobs }) };
}
