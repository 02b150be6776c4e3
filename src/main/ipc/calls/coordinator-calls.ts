import type { CoordinatorCheck } from '../../../contract/calls';
import type { JoinDetails } from '../../../contract/snapshot';
import type { Result } from '../../../protocol/result';
import type { CallRegistry } from '../call-registry';

export interface CoordinatorCallDependencies {
  readonly check: (url: string) => Promise<Result<CoordinatorCheck>>;
  readonly joinDetails: () => Promise<Result<JoinDetails>>;
}

export function registerCoordinatorCalls(calls: CallRegistry, dependencies: CoordinatorCallDependencies): void {
  calls.registerCall('coordinator:check', ({ url }) => dependencies.check(url));
  calls.registerCall('coordinator:get-join-details', () => dependencies.joinDetails());
}
