/** What a baseline challenge asks about: the node's shard and a prompt. */
export interface BaselineChallenge {
  readonly prompt: string;
  readonly layer_start: number;
  readonly layer_end: number;
  readonly model_id: string;
}

/** A JSON string as the baseline's serializer writes it: everything outside printable ASCII as `\uXXXX`, lower-case hex. */
function asciiJsonString(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/**
 * The exact text whose UTF-8 bytes a baseline challenge answer hashes with SHA-256: sorted keys, a space after `:` and
 * `,`, the temperature always `0.0` (tore-0001, baseline challenge). It proves nothing about compute.
 */
export function baselineChallengeText(challenge: BaselineChallenge): string {
  return (
    `{"layer_end": ${challenge.layer_end}, "layer_start": ${challenge.layer_start}, ` +
    `"model_id": ${asciiJsonString(challenge.model_id)}, "prompt": ${asciiJsonString(challenge.prompt)}, "temperature": 0.0}`
  );
}
