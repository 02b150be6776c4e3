import type { Result } from '../../protocol/result';
import type { NodeErrorCode } from '../errors';
import type { CoordinatorInfo } from './coordinator-client';
import { parseCoordinatorUrl } from './coordinator-url';
import { CoordinatorHttp } from './http-requests';
import { probeCoordinator } from './probe';

/** Asks an address a person typed who answers there, without joining it. */
export async function checkCoordinator(
  url: string,
  accessToken: string | null,
  signal?: AbortSignal,
): Promise<Result<CoordinatorInfo, NodeErrorCode>> {
  const parsed = parseCoordinatorUrl(url);
  return parsed.ok ? probeCoordinator(new CoordinatorHttp(parsed.value.base, accessToken), signal) : parsed;
}
