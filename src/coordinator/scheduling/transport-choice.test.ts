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
  const both = {
    host: '127.0.0.1',
    port: 8_000,
    transports: [
      { transport: 'http', version: '1', port: 9_000, priority: 5 },
      { transport: 'ws-relay', version: '1', priority: 9 },
    ],
  };

  it('relays while the node is connected, else calls it', () => {
    expect(chooseTransport(both, true)).toEqual({ kind: 'ws-relay' });
    expect(chooseTransport(both, false)).toEqual({ kind: 'http', host: '127.0.0.1', port: 9_000 });
    expect(chooseTransport({ ...both, transports: both.transports.slice(1) }, false)).toBeNull();
  });

  it('takes the port of the shard where an offer has none', () => {
    const offer = { transport: 'http', version: '', port: 0, priority: 1 };
    expect(chooseTransport({ ...both, transports: [offer] }, false)).toMatchObject({ port: 8_000 });
    expect(chooseTransport({ host: null, port: 8_000, transports: [offer] }, false)).toBeNull();
  });
});
