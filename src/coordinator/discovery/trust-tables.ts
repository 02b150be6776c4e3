import type { Generated } from 'kysely';

/** Tables of discovery, handshakes and agreements. Times are RFC 3339 in UTC with milliseconds, so they compare as texts. */
export interface TrustTables {
  /** The key each party uses now; a party is bound to the first key it comes with. */
  party_keys: { node_id: string; public_key: string; links_json: string; used_at: string };
  replaced_keys: { public_key: string; node_id: string; replaced_at: string };
  discovery_records: DiscoveryRecordTable;
  discovery_capabilities: { record_id: string; domain: string; subdomain: string };
  discovery_models: { record_id: string; model: string };
  handshakes: HandshakeTable;
  handshake_messages: HandshakeMessageTable;
  handshake_challenges: { handshake_id: string; from_id: string; to_id: string; issued_at_ms: number };
  agreement_members: AgreementMemberTable;
  agreement_member_keys: { public_key: string; agreement_id: string; party_id: string };
}

export interface DiscoveryRecordTable {
  record_id: string;
  node_id: string;
  public_key: string;
  governance_mode: string;
  /** Lower case; empty without one. */
  institution: string;
  /** Everything that is searched as text, lower case. */
  search_text: string;
  issued_at: string;
  expires_at: string;
  /** Kept after withdrawal, so that nobody brings the old record back. */
  withdrawn_at: string | null;
  record_json: string;
}

export interface HandshakeTable {
  handshake_id: string;
  proposer_id: string;
  responder_id: string;
  is_joined: number;
  /** A `Handshake`: hashes and times, no texts. */
  state_json: string;
  expires_at: string;
  updated_at: string;
}

/** A message that waits for its receiver. */
export interface HandshakeMessageTable {
  position: Generated<number>;
  handshake_id: string;
  to_key: string;
  kind: string;
  size_bytes: number;
  expires_at: string;
  message_json: string;
}

/** An agreement that lets a party in. */
export interface AgreementMemberTable {
  agreement_id: string;
  party_id: string;
  party_name: string;
  agreement_hash: string;
  agreement_json: string;
  effective_at: string;
  expires_at: string | null;
  /** When a party's termination takes effect. */
  ended_at: string | null;
  shown_at: string;
}
