import { takesDeviceId, type Device } from '../device';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';

/** Execution providers the engine knows how to ask for, best first where nobody has a preference. */
export const KNOWN_PROVIDERS = ['tensorrt', 'cuda', 'dml', 'coreml', 'webgpu', 'cpu'] as const;

/** Always there, and always last. */
export const FALLBACK_PROVIDER = 'cpu';

/** A message of a native library may fill pages; its beginning says what happened. */
const MAX_REASON_LENGTH = 300;

export interface ProviderSelection<Session> {
  readonly provider: string;
  readonly session: Session;
  /** Why more preferred providers were passed over, one sentence each. */
  readonly reasons: readonly string[];
}

export interface ProviderAttempt<Session> {
  /** Best first; `cpu` is added at the end where it is missing. */
  readonly preferences: readonly string[];
  readonly listSupportedBackends: () => readonly { readonly name: string }[];
  /** Opens a session on one provider; may throw. */
  readonly create: (provider: string) => Promise<Session>;
  /** Runs the session once; throws when its results are unusable. */
  readonly verify: (session: Session) => Promise<void>;
  readonly release: (session: Session) => Promise<void>;
}

/**
 * Opens a session on the first preferred provider that truly runs it. onnxruntime drops some absent providers silently
 * and reports others only when a graph runs, so each is looked up in the list of the build, opened and run once.
 */
export async function selectProvider<Session>(
  attempt: ProviderAttempt<Session>,
): Promise<Result<ProviderSelection<Session>, EngineErrorCode>> {
  const reasons: string[] = [];
  for (const provider of new Set([...attempt.preferences, FALLBACK_PROVIDER])) {
    const absent = explainAbsence(provider, attempt.listSupportedBackends());
    if (absent !== undefined) {
      reasons.push(absent);
      continue;
    }
    const session = await tryProvider(provider, attempt);
    if (session.ok) return success({ provider, session: session.value, reasons });
    reasons.push(session.error.message);
  }
  return engineFailure('provider-failed', `No execution provider could run the graph. ${reasons.join(' ')}`);
}

/** Opens and runs a session on one provider. */
export async function tryProvider<Session>(
  provider: string,
  attempt: Pick<ProviderAttempt<Session>, 'create' | 'verify' | 'release'>,
): Promise<Result<Session, EngineErrorCode>> {
  let session: Session | undefined;
  try {
    session = await attempt.create(provider);
    await attempt.verify(session);
    return success(session);
  } catch (thrown) {
    if (session !== undefined) await attempt.release(session);
    const reason = reasonOf(thrown).split('\n', 1)[0]?.slice(0, MAX_REASON_LENGTH) ?? '';
    return engineFailure('provider-failed', `${provider} failed: ${reason}`);
  }
}

/** Why a device cannot even be tried, or undefined. */
export function explainMissingDevice(
  { provider, deviceId }: Device,
  supported: readonly { readonly name: string }[],
): string | undefined {
  const absent = explainAbsence(provider, supported);
  if (absent !== undefined || deviceId === undefined || takesDeviceId(provider)) return absent;
  return `${provider} takes no number of a device.`;
}

/** Why a provider cannot even be tried, or undefined. */
export function explainAbsence(provider: string, supported: readonly { readonly name: string }[]): string | undefined {
  if (provider === FALLBACK_PROVIDER) return undefined;
  if (!KNOWN_PROVIDERS.some((known) => known === provider)) return `${provider.slice(0, 50)} is not known.`;
  if (supported.some((backend) => backend.name === provider)) return undefined;
  return `${provider} is not part of onnxruntime on this system.`;
}
