import { Compile } from 'typebox/compile';
import { ProofQuestion } from '../../protocol/compute/http/proofs';
import { createHash } from 'node:crypto';
import { MODEL_LIMITS, type LayerRange } from '../../protocol/compute/model';
import { HELD_PRECISIONS, type HeldPrecision } from '../../protocol/compute/run-preferences';
import { toMicroGft } from '../../protocol/compute/micro-gft';

/*
 * Reading of what coordinators send over the HTTP baseline. Implementations differ: fields may be absent or null,
 * numbers may come as text or as long floats, times with and without a zone. These functions take what can be
 * understood and answer null for the rest; what they return is checked and bounded.
 */

/** Longest text taken from a foreign answer. */
const MAX_TEXT_LENGTH = 10_000;
/** A surrogate without its other half; no other code point is matched. */
const HALF_CHARACTER = /\p{Surrogate}/gu;

export function readRecord(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}

/** Text without halves of characters, of which no address can be made. */
export function readText(value: unknown, maxLength = MAX_TEXT_LENGTH): string | null {
  return typeof value === 'string' ? value.slice(0, maxLength).replace(HALF_CHARACTER, '\ufffd') : null;
}

/** A finite number, also from text such as `"0.75"`. */
export function readNumber(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || value.trim() === '' || value.length > 64) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** A number from 0 to 1. */
export function readShare(value: unknown): number | null {
  const number = readNumber(value);
  return number !== null && number >= 0 && number <= 1 ? number : null;
}

/** A whole number; `15.0` in text or as a float is one, `15.5` is not. */
export function readInteger(value: unknown): number | null {
  const number = readNumber(value);
  return number !== null && Number.isSafeInteger(number) ? number : null;
}

export function readBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  if (value === 1 || value === 0) return value === 1;
  if (typeof value !== 'string') return null;
  const word = value.trim().toLowerCase();
  if (['true', 'on', 'yes', 'enabled', '1'].includes(word)) return true;
  if (['false', 'off', 'no', 'disabled', 'none', '0'].includes(word)) return false;
  return null;
}

/** A time as RFC 3339 in UTC with milliseconds. Microseconds are cut; a time without a zone is UTC. */
export function readTime(value: unknown): string | null {
  const text = readText(value, 64);
  if (text === null) return null;
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(text.trim());
  if (match === null) return null;
  const [, date = '', clock = '', fraction = '', zone = 'Z'] = match;
  const epochMs = Date.parse(`${date}T${clock}${fraction.slice(0, 4)}${zone.toUpperCase()}`);
  return Number.isNaN(epochMs) ? null : new Date(epochMs).toISOString();
}

/** An amount of GFT as micro-GFT; null when absent or too large to stay exact. */
export function readMicroGft(value: unknown): number | null {
  const gft = readNumber(value);
  if (gft === null || Math.abs(gft) > Number.MAX_SAFE_INTEGER / 1_000_000) return null;
  return toMicroGft(gft);
}

/** A registered node, as far as the coordinator told. Only its id is certain. */
export interface NodeRecord {
  readonly nodeId: string;
  readonly hardwareClass: string | null;
  readonly multiplier: number | null;
  readonly status: string | null;
  readonly reliability: number | null;
  readonly balanceMicroGft: number | null;
}

export function readNode(value: unknown): NodeRecord | null {
  const record = readRecord(value);
  const nodeId = readText(record?.['id'] ?? record?.['node_id'], 200);
  if (record === null || nodeId === null || nodeId === '') return null;
  return {
    nodeId,
    hardwareClass: readText(record['hardware_class'], 100),
    multiplier: readNumber(record['multiplier']),
    status: readText(record['status'], 40),
    reliability: readShare(record['reliability_factor'] ?? record['reliability']),
    balanceMicroGft: readMicroGft(record['token_balance'] ?? record['balance']),
  };
}

/** A challenge to answer, as far as it can be understood. */
export interface ReadTask {
  readonly taskId: string;
  readonly taskType: string;
  readonly prompt: string;
  readonly modelId: string;
  readonly range: LayerRange;
  readonly flopsEstimated: number;
  readonly expiresAt: string | null;
  /** What to prove, when it is more than the baseline's challenge. */
  readonly proof: ProofQuestion | null;
}

const proofQuestion = Compile(ProofQuestion);

export function readTask(value: unknown): ReadTask | null {
  const record = readRecord(value);
  const payload = readRecord(record?.['payload']);
  const taskId = readText(record?.['task_id'] ?? record?.['id'], 200);
  // The answer hashes the prompt's exact text: never cut it.
  const prompt = payload?.['prompt'];
  const modelId = readText(record?.['model_id'] ?? payload?.['model_id'], 200);
  const layerStart = readInteger(record?.['layer_start'] ?? payload?.['layer_start']);
  const layerEnd = readInteger(record?.['layer_end'] ?? payload?.['layer_end']);
  if (taskId === null || taskId === '' || typeof prompt !== 'string' || modelId === null) return null;
  if (layerStart === null || layerEnd === null || layerStart < 0 || layerEnd < layerStart) return null;
  if (layerEnd >= MODEL_LIMITS.maxLayers) return null;
  return {
    taskId,
    taskType: readText(record?.['task_type'], 100) ?? 'inference_challenge',
    prompt,
    modelId,
    range: { layer_start: layerStart, layer_end: layerEnd },
    flopsEstimated: Math.max(0, readNumber(record?.['flops_estimated']) ?? 0),
    expiresAt: readTime(record?.['expires_at']),
    proof: proofQuestion.Check(payload?.['proof']) ? payload['proof'] : null,
  };
}

/** What became of a challenge's answer. */
export interface ReadVerdict {
  readonly passed: boolean | null;
  readonly status: string | null;
  readonly reliability: number | null;
  readonly message: string | null;
}

export function readVerdict(value: unknown): ReadVerdict {
  const record = readRecord(value);
  return {
    passed: readBoolean(record?.['passed']),
    status: readText(record?.['status'], 40),
    reliability: readShare(record?.['reliability']),
    message: readText(record?.['message'], 2_000),
  };
}

/** Layers a coordinator suggests, and how they should be held; it may leave the second open. */
export interface SuggestedLayers {
  readonly range: LayerRange;
  readonly precision: HeldPrecision | null;
}

/** The layers a coordinator suggests; null when it suggests nothing usable. */
export function readSuggestion(value: unknown): SuggestedLayers | null {
  const record = readRecord(value);
  const start = readInteger(record?.['layer_start']);
  const end = readInteger(record?.['layer_end']);
  if (start === null || end === null || start < 0 || end < start) return null;
  const precision = HELD_PRECISIONS.find((known) => known === record?.['precision']) ?? null;
  return { range: { layer_start: start, layer_end: end }, precision };
}

/** Ids of the models a coordinator knows; null when the answer is no list. */
export function readModelIds(value: unknown): string[] | null {
  const models = readRecord(value)?.['models'];
  if (!Array.isArray(models)) return null;
  return models
    .slice(0, 10_000)
    .map((model) => readText(readRecord(model)?.['model_id'], 200))
    .filter((id) => id !== null);
}

/** Hash of the manifest of each model that a coordinator lists with one. */
export function readModelHashes(value: unknown): Map<string, string> {
  const models: unknown = readRecord(value)?.['models'];
  const hashes = new Map<string, string>();
  if (!Array.isArray(models)) return hashes;
  for (const model of models.slice(0, 10_000)) {
    const record = readRecord(model);
    const id = readText(record?.['model_id'], 200);
    const hash = readText(record?.['manifest_hash'], 64);
    if (id !== null && hash !== null && /^[0-9a-f]{64}$/.test(hash)) hashes.set(id, hash);
  }
  return hashes;
}

/** What `GET /` says, or null when it is not a coordinator's answer. */
export interface ReadRoot {
  readonly name: string;
  readonly version: string;
  readonly tokenMode: boolean | null;
}

export function readRoot(value: unknown): ReadRoot | null {
  const record = readRecord(value);
  const name = readText(record?.['name'], 200);
  const version = readText(record?.['version'], 100);
  if (name === null || name === '' || version === null) return null;
  return { name, version, tokenMode: readBoolean(record?.['token_mode']) };
}

/** Where in a request an error is, as `body.id`. */
function readPlace(value: unknown): string {
  if (!Array.isArray(value)) return '';
  const steps = value.slice(0, 20).filter((step) => typeof step === 'string' || typeof step === 'number');
  return readText(steps.join('.'), 200) ?? '';
}

/** The text of a FastAPI-shaped error: `detail` as a string, an object, or a list of validation errors. */
export function readDetail(value: unknown): string | null {
  const detail = readRecord(value)?.['detail'] ?? readRecord(value)?.['message'];
  if (typeof detail === 'string') return detail.slice(0, 2_000);
  if (Array.isArray(detail)) {
    const lines = detail.slice(0, 5).map((entry) => {
      const record = readRecord(entry);
      const place = readPlace(record?.['loc']);
      return `${place}: ${readText(record?.['msg'], 200) ?? 'invalid'}`.replace(/^: /, '');
    });
    return lines.join('; ');
  }
  const record = readRecord(detail);
  if (record === null) return null;
  return (
    readText(record['message'] ?? record['reason'] ?? record['error'], 2_000) ?? JSON.stringify(record).slice(0, 500)
  );
}

/** The code of an error of our own coordinators, which put it beside or inside `detail`. */
export function readErrorCode(value: unknown): string | null {
  const record = readRecord(value);
  return readText(record?.['code'] ?? readRecord(record?.['detail'])?.['code'], 100);
}

/** SHA-256 of a text's UTF-8 bytes, lower-case hexadecimal. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
