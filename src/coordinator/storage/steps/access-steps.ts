import type { SchemaStep } from '../../../storage/schema-steps';

/** Members, invitations, sessions and used nonces. */
export const ACCESS_STEPS: readonly SchemaStep[] = [
  {
    number: 10,
    name: 'members, invitations, sessions',
    statements: ({ integer, table }) => [
      table(
        'access_members',
        `public_key text primary key,
        roles_json text not null,
        state text not null check (state in ('active', 'blocked')),
        invitation_id text,
        note text not null,
        joined_at text not null,
        changed_at text not null`,
      ),
      table(
        'access_invitations',
        `id text primary key,
        code_hash text not null unique,
        hint text not null,
        roles_json text not null,
        note text not null,
        max_uses ${integer} not null check (max_uses > 0),
        uses ${integer} not null check (uses between 0 and max_uses),
        created_by text not null,
        created_at text not null,
        expires_at text not null,
        revoked_at text`,
      ),
      table(
        'access_sessions',
        `token_hash text primary key,
        public_key text not null,
        created_at text not null,
        expires_at text not null`,
      ),
      `create index access_sessions_by_key on access_sessions (public_key)`,
      table(
        'access_nonces',
        `public_key text not null,
        nonce text not null,
        expires_at text not null,
        primary key (public_key, nonce)`,
      ),
      `create index access_nonces_by_expiry on access_nonces (expires_at)`,
    ],
  },
  {
    number: 11,
    name: 'machines behind nodes, reasons of suspensions',
    statements: () => [
      `alter table nodes add column fingerprint text`,
      `alter table nodes add column suspension_reason text`,
      `create index nodes_by_fingerprint on nodes (fingerprint) where fingerprint is not null`,
    ],
  },
];
