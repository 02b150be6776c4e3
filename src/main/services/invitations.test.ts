import { expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { Invitations } from './invitations';

function createVault() {
  const kept = new Map<string, string>();
  return {
    kept,
    has: (name: string) => kept.has(name),
    read: (name: string) => success(kept.get(name) ?? null),
    write: (name: string, secret: string) => {
      kept.set(name, secret);
      return Promise.resolve(success(undefined));
    },
    remove: (name: string) => {
      kept.delete(name);
      return Promise.resolve(success(undefined));
    },
  };
}

const institution = { kind: 'remote', url: 'https://tore.example.edu/' } as const;

it('gives a code to the coordinator it was entered for, under either of its addresses, and to no other', async () => {
  const vault = createVault();
  const invitations = new Invitations(vault);
  expect(await invitations.set(institution, 'ABCD-EFGH-JKMN')).toEqual(success(undefined));
  expect(invitations.of('https://tore.example.edu')).toEqual(success('ABCD-EFGH-JKMN'));
  expect(invitations.of('wss://tore.example.edu/ws')).toEqual(success('ABCD-EFGH-JKMN'));
  expect(invitations.of('http://tore.example.edu')).toEqual(success(null));
  expect(invitations.of('https://tore.example.edu.evil.example')).toEqual(success(null));
  expect(invitations.has(institution)).toBe(true);
  expect(invitations.has({ kind: 'embedded' })).toBe(false);

  await invitations.set(institution, null);
  expect(invitations.has(institution)).toBe(false);
  expect(vault.kept.size).toBe(0);
});

it('keeps no code for the coordinator of this computer', async () => {
  const vault = createVault();
  const refused = await new Invitations(vault).set({ kind: 'embedded' }, 'ABCD-EFGH-JKMN');
  expect(refused).toMatchObject({ ok: false, error: { code: 'payload-invalid' } });
  expect(vault.kept.size).toBe(0);
});
