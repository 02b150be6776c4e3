import { isFederationGrant } from '../../../protocol/federation/grant';

/** What an agreement shares beside what coordinators serve for each other; fields of the parties' own as JSON. */
export function resourceLines(resources: readonly unknown[]): string[] {
  return resources
    .filter((one) => !isFederationGrant(one))
    .map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
}
