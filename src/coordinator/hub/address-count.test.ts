import { afterEach, describe, expect, it } from 'vitest';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { newTestKey, WsNode } from '../testing/ws-node';
import { AddressCount, addressGroup } from './address-count';

describe('what counts as one address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::1', '0:0:0:0'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:DB8:0:0:ffff::9', '2001:db8:0:0'],
    ['2001:db8:0:1::1', '2001:db8:0:1'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ])('%s is counted as %s', (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });

  it('frees a place once, however often it is left', () => {
    const addresses = new AddressCount();
    const leave = addresses.enter('192.0.2.7');
    addresses.enter('::ffff:192.0.2.7');
    leave();
    leave();
    expect(addresses.of('192.0.2.7')).toBe(1);
    expect(addresses.of('192.0.2.8')).toBe(0);
  });
});

describe('connections of one address', () => {
  let target: TestCoordinator;
  const nodes: WsNode[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) node.drop();
    await target.coordinator.stop();
  });

  async function dial(headers: Record<string, string> = {}): Promise<WsNode> {
    const node = await WsNode.dial(target.url, newTestKey(), { headers });
    nodes.push(node);
    return node;
  }

  it('are refused beyond their number, and let in again when others have gone', async () => {
    target = await startTestCoordinator({ maxConnectionsPerAddress: 2 });
    const [first] = [await dial(), await dial()];
    const third = await (await dial()).untilClosed();
    expect(third.code).toBe(4429);
    expect(third.reason).toContain('from this address');
    first?.socket.close();
    await first?.untilClosed();
    // The coordinator hears of the end at about the same time.
    await expect
      .poll(async () => {
        const node = await dial();
        return Promise.race([node.next('hello').then(() => 'hello'), node.untilClosed().then(() => 'closed')]);
      })
      .toBe('hello');
  });

  it('are those behind a trusted proxy, not those of the proxy', async () => {
    target = await startTestCoordinator({ maxConnectionsPerAddress: 1, trustedProxies: ['127.0.0.1'] });
    const one = await dial({ 'x-forwarded-for': '192.0.2.1' });
    const other = await dial({ 'x-forwarded-for': '192.0.2.2' });
    const again = await dial({ 'x-forwarded-for': '192.0.2.2' });
    expect((await again.untilClosed()).code).toBe(4429);
    expect(await one.next('hello')).toBeDefined();
    expect(await other.next('hello')).toBeDefined();
  });

  it('cannot be told apart by an address a stranger only claims', async () => {
    target = await startTestCoordinator({ maxConnectionsPerAddress: 1 });
    await dial({ 'x-forwarded-for': '192.0.2.1' });
    const again = await dial({ 'x-forwarded-for': '192.0.2.2' });
    expect((await again.untilClosed()).code).toBe(4429);
  });
});
