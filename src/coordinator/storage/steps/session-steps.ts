import type { SchemaStep } from '../../../storage/schema-steps';

/** Group sessions: who is in them, their turns in order, and the invitations to them. */
export const SESSION_STEPS: readonly SchemaStep[] = [
  {
    number: 30,
    name: 'group sessions',
    statements: ({ integer, real, table }) => [
      table(
        'group_sessions',
        `id text primary key,
        title text not null,
        mode text not null check (mode in ('async', 'live')),
        status text not null check (status in ('open', 'closed')),
        agreement_ref text,
        agreement_json text,
        cost_unit text not null,
        cost_rate ${real} not null check (cost_rate >= 0),
        created_by text not null,
        created_at text not null,
        updated_at text not null,
        last_seq ${integer} not null check (last_seq >= 0)`,
      ),
      `create index group_sessions_by_key on group_sessions (created_by)`,
      table(
        'group_participants',
        `session_id text not null references group_sessions (id),
        id text not null,
        public_key text not null,
        display_name text not null,
        platform text not null,
        role text not null check (role in ('owner', 'member', 'observer')),
        model_json text,
        joined_at text not null,
        left_at text,
        removed ${integer} not null default 0 check (removed in (0, 1)),
        primary key (session_id, id),
        unique (session_id, public_key)`,
      ),
      `create index group_participants_by_key on group_participants (public_key)`,
      table(
        'group_turns',
        `session_id text not null references group_sessions (id),
        seq ${integer} not null check (seq >= 1),
        id text not null,
        participant_id text not null,
        turn_json text not null,
        size_bytes ${integer} not null,
        ledger_ref text unique,
        received_at text not null,
        primary key (session_id, seq),
        unique (session_id, id)`,
      ),
      table(
        'group_invitations',
        `id text primary key,
        session_id text not null references group_sessions (id),
        code_hash text not null,
        role text not null check (role in ('member', 'observer')),
        max_uses ${integer} not null check (max_uses >= 1),
        uses ${integer} not null default 0,
        created_at text not null,
        expires_at text not null,
        withdrawn_at text,
        unique (session_id, code_hash)`,
      ),
    ],
  },
  {
    number: 31,
    name: 'sessions under agreements',
    statements: ({ table }) => [
      // Keys that act for the parties of a session's agreement: they are told of the session and join without a code.
      table(
        'group_session_parties',
        `public_key text not null,
        session_id text not null references group_sessions (id),
        primary key (public_key, session_id)`,
      ),
      // Agreements that sessions stand on and their parties have ended, by the hash of what was signed.
      table('agreement_ends', 'agreement_hash text primary key, ended_at text not null'),
    ],
  },
  {
    number: 32,
    name: 'sizes of sessions',
    statements: ({ integer }) => [
      `alter table group_sessions add column size_bytes ${integer} not null default 0`,
      `update group_sessions set size_bytes = coalesce(
        (select sum(size_bytes) from group_turns where group_turns.session_id = group_sessions.id), 0)`,
    ],
  },
];
