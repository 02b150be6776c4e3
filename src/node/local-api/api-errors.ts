import type { Failure } from '../../protocol/result';

/** An error as OpenAI's API writes it, with its HTTP status. */
export interface ApiError {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  /** The field of the request that is at fault, or null. */
  readonly param: string | null;
}

/** The body of an error answer. */
export interface ApiErrorBody {
  readonly error: Pick<ApiError, 'message' | 'type' | 'param' | 'code'>;
}

/** A request that makes no sense or asks for what is not offered. */
export function invalidRequest(message: string, param: string | null, code = 'invalid_value'): ApiError {
  return { status: 400, type: 'invalid_request_error', code, message, param };
}

/** A feature of OpenAI's API that this endpoint does not have. */
export function notSupported(what: string, param: string): ApiError {
  return invalidRequest(`${what} is not supported by this endpoint.`, param, 'unsupported_parameter');
}

export const WRONG_KEY: ApiError = {
  status: 401,
  type: 'invalid_request_error',
  code: 'invalid_api_key',
  message: 'The API key is missing or not one of this computer. Keys are made in the settings of Tore Desktop.',
  param: null,
};

export const UNKNOWN_ADDRESS: ApiError = {
  status: 404,
  type: 'invalid_request_error',
  code: 'unknown_url',
  message: 'This endpoint offers /v1/models, /v1/chat/completions and /v1/completions.',
  param: null,
};

export const INTERNAL: ApiError = {
  status: 500,
  type: 'server_error',
  code: 'internal_error',
  message: 'This program made an error. The request was not charged unless the ledger shows an entry for it.',
  param: null,
};

/** Of an answer whose text is out already. */
export const ANSWER_CHANGED: ApiError = {
  status: 503,
  type: 'server_error',
  code: 'service_unavailable',
  message:
    'The answer had to begin anew and came out differently from the text that was sent already, so no more of it is sent. Ask again.',
  param: null,
};

interface Meaning {
  readonly status: number;
  readonly type: string;
  readonly code: string;
}

const UNAVAILABLE: Meaning = { status: 503, type: 'server_error', code: 'service_unavailable' };
const INVALID: Meaning = { status: 400, type: 'invalid_request_error', code: 'invalid_value' };
const TOO_LONG: Meaning = { status: 400, type: 'invalid_request_error', code: 'context_length_exceeded' };
const NO_BALANCE: Meaning = { status: 402, type: 'insufficient_quota', code: 'insufficient_quota' };
const NO_MODEL: Meaning = { status: 404, type: 'invalid_request_error', code: 'model_not_found' };
const TOO_MANY: Meaning = { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' };

/** What a failure of node or coordinator means in OpenAI's terms; what is not listed is a temporary lack of service. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  'balance-too-low': NO_BALANCE,
  'model-unknown': NO_MODEL,
  'too-many-requests': TOO_MANY,
  'prompt-too-long': TOO_LONG,
  'log-probabilities-too-many': INVALID,
  'context-exceeded': TOO_LONG,
  'prompt-missing': INVALID,
  'input-invalid': INVALID,
  'template-invalid': INVALID,
};

/** Translates a failure of this computer's node or its coordinator. */
export function apiErrorOf({ code, message, suggestion }: Failure): ApiError {
  const text = suggestion === undefined ? message : `${message} ${suggestion}`;
  return { ...(MEANINGS[code] ?? UNAVAILABLE), message: text, param: null };
}

/** The body that carries an error, in an answer or as the last event of a stream. */
export function errorBody({ message, type, param, code }: ApiError): ApiErrorBody {
  return { error: { message, type, param, code } };
}
