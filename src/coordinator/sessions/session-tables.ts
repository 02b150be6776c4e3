/** Tables of group sessions. Documents are JSON as the protocol has them; times RFC 3339 in UTC; flags 0 or 1. */
export interface GroupSessionTables {
  group_sessions: GroupSessionTable;
  group_participants: GroupParticipantTable;
  group_turns: GroupTurnTable;
  group_invitations: GroupInvitationTable;
  group_session_parties: GroupSessionPartyTable;
  agreement_ends: AgreementEndTable;
}

/** A key that acts for a party of the agreement a session stands on. */
export interface GroupSessionPartyTable {
  public_key: string;
  session_id: string;
}

/** An agreement that one of its parties has ended. */
export interface AgreementEndTable {
  agreement_hash: string;
  ended_at: string;
}

export interface GroupSessionTable {
  id: string;
  title: string;
  mode: 'async' | 'live';
  status: 'open' | 'closed';
  agreement_ref: string | null;
  agreement_json: string | null;
  cost_unit: string;
  cost_rate: number;
  created_by: string;
  created_at: string;
  updated_at: string;
  /** Number of the last turn; raised in the transaction that writes the turn. */
  last_seq: number;
  /** Bytes of its turns; raised with `last_seq`. */
  size_bytes: number;
}

export interface GroupParticipantTable {
  session_id: string;
  id: string;
  public_key: string;
  display_name: string;
  platform: string;
  role: 'owner' | 'member' | 'observer';
  model_json: string | null;
  joined_at: string;
  left_at: string | null;
  /** 1 when the owner took the participant out: an old invitation does not bring them back. */
  removed: number;
}

export interface GroupTurnTable {
  session_id: string;
  seq: number;
  id: string;
  participant_id: string;
  /** The whole turn, with number, cost and signature. */
  turn_json: string;
  size_bytes: number;
  /** Ledger entry that settled its cost; no entry pays two turns. */
  ledger_ref: string | null;
  received_at: string;
}

export interface GroupInvitationTable {
  id: string;
  session_id: string;
  /** SHA-256 of the code, which is told once and not kept. */
  code_hash: string;
  role: 'member' | 'observer';
  max_uses: number;
  uses: number;
  created_at: string;
  expires_at: string;
  withdrawn_at: string | null;
}
