/** What the next turn points to. */
export interface TurnTarget {
  readonly kind: 'reply' | 'edit';
  readonly turnId: string;
  readonly seq: number;
  readonly text: string;
}
