import type { Generated } from 'kysely';

/** Federation of coordinators: peers, what was settled with them, and what is still to be told. */
export interface FederationTables {
  /** What outlives a restart of a configured peer. */
  federation_peers: {
    public_key: string;
    agreement_id: string;
    /** Cut by the administrator, until it is resumed. */
    is_cut: number;
    /** The notice that ends the agreement, with the time it ends at. */
    termination_json: string | null;
    ended_at: string | null;
    last_up_at: string | null;
  };
  /** Every agreement that was read for a peer, so that an older one counts until it ends. */
  federation_agreements: { peer_key: string; agreement_id: string; agreement_json: string; read_at: string };
  /** Why something of a peer was refused; the newest are kept. */
  federation_refusals: { id: Generated<number>; peer_key: string; at: string; code: string; message: string };
  /** Requests made at a peer, written before they are sent: what a settlement has to fit. */
  federation_requests: {
    peer_key: string;
    request_id: string;
    agreement_id: string;
    node_id: string;
    model_id: string;
    max_input_tokens: number;
    max_new_tokens: number;
    shape_json: string;
    /** Layers and precision of a hop, which counts positions as input; null for a whole request. */
    layers_json: string | null;
    asked_at: string;
  };
  /** What was settled with peers: rows are added and never changed. */
  federation_entries: {
    peer_key: string;
    request_id: string;
    role: 'served' | 'consumed';
    /** The reference of this side. */
    entry_ref: string;
    agreement_id: string;
    model_id: string;
    input_tokens: number;
    output_tokens: number;
    amount_micro: number;
    unit: string;
    settled_at_ms: number;
    /** The entry of the own GFT ledger, where one belongs to it. */
    ledger_ref: string | null;
    /** As the serving side signed it. */
    settlement_json: string;
    booked_at: string;
  };
  /** Signed receipts: of the peer for what was served, the own one for what was consumed. */
  federation_receipts: {
    peer_key: string;
    request_id: string;
    role: 'served' | 'consumed';
    consumer_ref: string;
    receipt_json: string;
  };
  /** Settlements the peer has not signed for; `refusal` says why it will not. */
  federation_outbox: { peer_key: string; request_id: string; position: number; refusal: string | null };
  federation_statements: {
    peer_key: string;
    agreement_id: string;
    from_ms: number;
    to_ms: number;
    state: 'signed' | 'differs';
    /** Signed by both, or the own one. */
    statement_json: string;
    /** What the peer has, where it differs. */
    theirs_json: string | null;
    made_at: string;
  };
  /** Participants of sessions hosted here for whom a peer answers. */
  federation_guests: { session_id: string; public_key: string; peer_key: string };
  /** Costs in turns of sessions hosted here which the ledger of a peer has confirmed; no entry pays two turns. */
  federation_session_costs: {
    coordinator_id: string;
    ledger_ref: string;
    session_id: string;
    turn_id: string;
    /** As the peer signed it. */
    confirmation_json: string;
  };
  /** Copies of sessions that peers host and people of this side are in. */
  federation_sessions: FederationSessionTable;
  federation_session_participants: {
    session_id: string;
    participant_id: string;
    public_key: string;
    /** 1 for those this coordinator answers for. */
    is_own: number;
    has_left: number;
    participant_json: string;
  };
  /** Turns as the host numbered them, from 1 without a gap. */
  federation_session_turns: { session_id: string; seq: number; id: string; turn_json: string; size_bytes: number };
  /** Turns of own people that have no number yet, or were given back. */
  federation_held_turns: HeldTurnTable;
}

export interface FederationSessionTable {
  session_id: string;
  /** The peer that hosts it. */
  peer_key: string;
  agreement_id: string;
  agreement_json: string | null;
  head_json: string;
  updated_at: string;
  /** Number of the last turn of the copy. */
  last_seq: number;
  /** Bytes of all turns of the copy. */
  size_bytes: Generated<number>;
}

export interface HeldTurnTable {
  /** In which order they were kept. */
  position: Generated<number>;
  session_id: string;
  turn_id: string;
  public_key: string;
  turn_json: string;
  size_bytes: number;
  held_at: string;
  /** Why it will get no number; null while it waits. */
  returned_code: string | null;
  returned_message: string | null;
}
