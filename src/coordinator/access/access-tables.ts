/** Tables of members, invitations, sessions and used nonces. Secrets are kept as SHA-256 only. */
export interface AccessTables {
  access_members: AccessMemberTable;
  access_invitations: AccessInvitationTable;
  access_sessions: { token_hash: string; public_key: string; created_at: string; expires_at: string };
  access_nonces: { public_key: string; nonce: string; expires_at: string };
}

export interface AccessMemberTable {
  public_key: string;
  /** JSON list of roles. */
  roles_json: string;
  state: 'active' | 'blocked';
  /** Id of the invitation the member came with, null when an administrator added it. */
  invitation_id: string | null;
  note: string;
  joined_at: string;
  changed_at: string;
}

export interface AccessInvitationTable {
  id: string;
  code_hash: string;
  /** First characters of the code, so that a person recognises it. */
  hint: string;
  roles_json: string;
  note: string;
  max_uses: number;
  uses: number;
  created_by: string;
  created_at: string;
  expires_at: string;
  revoked_at: string | null;
}
