export interface NoticeTables {
  /** What the operator tells whoever runs a node, until it goes out of date. */
  operator_notices: OperatorNoticeTable;
}

export interface OperatorNoticeTable {
  id: string;
  text: string;
  created_at: string;
  expires_at: string;
}
