import { describe, expect, it } from 'vitest';
import { chooseTransport, hostProblem } from './transport-choice';

describe('hostProblem', () => {
  it('takes names and addresses', () => {
    for (const host of ['node.example', '203.0.113.9', '2001:db8::1', '127.0.0.1', 'localhost']) {
      expect({ host, problem: hostProblem(host, 'any') }).toEqual({ host, problem: null });
    }
  });

  it('refuses what would change the meaning of an address', () => {
    for (const host of ['a/b', 'a?b', 'user@host', 'a b', 'a:80', '', '-a', 'a#', 'a\\b', '[::1]', 'fe80::1%eth0']) {
      expect({ host, refused: hostProblem(host, 'any') !== null }).toEqual({ host, refused: true });
    }
  });

  it('refuses link-local addresses always, and private ones for the public', () => {
    for (const host of [
      '169.254.169.254',
      'fe80::1',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '2852039166',
      '0xa9fea9fe',
    ]) {
      expect({ host, refused: hostProblem(host, 'any') !== null }).toEqual({ host, refused: true });
    }
    const inside = [
      '10.0.0.1',
      '172.16.5.5',
      '192.168.1.1',
      '127.0.0.1',
      '100.64.0.1',
      '::1',
      'fd00::1',
      'localhost',
      'nas.local',
    ];
    for (const host of inside) {
      expect({ host, refused: hostProblem(host, 'public') !== null }).toEqual({ host, refused: true });
    }
    expect(hostProblem('172.32.0.1', 'public')).toBeNull();
  });
});

describe('chooseTransport', () => {
  const http = { transport: 'http', version: '1', port: 9_000, priority: 20 };
  const relay = { transport: 'ws-relay', version: '1', priority: 10 };
  const both = { host: '127.0.0.1', port: 8_000, transports: [http, relay] };
  const called = { kind: 'http', scheme: 'http', host: '127.0.0.1', port: 9_000 };

  it('takes the first offer that works, by priority', () => {
    expect(chooseTransport(both, true)).toEqual({ kind: 'ws-relay' });
    expect(chooseTransport(both, false)).toEqual(called);
    expect(chooseTransport({ ...both, transports: [{ ...http, priority: 5 }, relay] }, true)).toEqual(called);
    expect(chooseTransport({ ...both, transports: [relay] }, false)).toBeNull();
  });

  it('relays with links between nodes where both are offered', () => {
    const direct = { transport: 'ws-direct', version: '1', port: 7_000, priority: 5 };
    expect(chooseTransport({ ...both, transports: [...both.transports, direct] }, true)).toEqual({
      kind: 'ws-relay',
      direct: { host: '127.0.0.1', port: 7_000 },
    });
    expect(chooseTransport({ ...both, transports: [direct] }, true)).toBeNull();
    const later = { ...direct, version: '2' };
    expect(chooseTransport({ ...both, transports: [...both.transports, later] }, true)).toEqual({ kind: 'ws-relay' });
  });

  it('takes the port of the shard where an offer has none', () => {
    const offer = { transport: 'http', version: '', port: 0, priority: 1 };
    expect(chooseTransport({ ...both, transports: [offer] }, false)).toMatchObject({ port: 8_000 });
    expect(chooseTransport({ host: null, port: 8_000, transports: [offer] }, false)).toBeNull();
  });

  it('keeps to the scheme of an offer', () => {
    const offer = { transport: 'https', version: '1', port: 443, priority: 1 };
    expect(chooseTransport({ ...both, transports: [offer] }, false)).toEqual({ ...called, scheme: 'https', port: 443 });
  });

  it('passes over versions and transports it does not know', () => {
    const future = { ...relay, version: '2', priority: 1 };
    const other = { transport: 'grpc', version: '1', port: 50_051, priority: 2 };
    expect(chooseTransport({ ...both, transports: [future, other, http] }, true)).toEqual(called);
    expect(chooseTransport({ ...both, transports: [{ ...http, version: '2.0' }] }, false)).toBeNull();
    for (const version of ['', '0.1', '1', '1.0', '1.1']) {
      expect(chooseTransport({ ...both, transports: [{ ...http, version }] }, false)).toEqual(called);
    }
  });
});
