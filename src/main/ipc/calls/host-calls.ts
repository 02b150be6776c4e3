import { success } from '../../../protocol/result';
import type { HostsService } from '../../services/hosts/hosts-service';
import type { CallRegistry } from '../call-registry';

export function registerHostCalls(calls: CallRegistry, hosts: HostsService): void {
  calls.registerCall('hosts:get', async () => success(await hosts.list()));
  calls.registerCall('hosts:pair', ({ address, code }) => hosts.pair(address, code));
  calls.registerCall('hosts:pause', ({ id, minutes }) => hosts.pause(id, minutes));
  calls.registerCall('hosts:resume', ({ id }) => hosts.resume(id));
  calls.registerCall('hosts:log', ({ id }) => hosts.log(id));
  calls.registerCall('hosts:unpair', ({ id }) => hosts.unpair(id));
}
