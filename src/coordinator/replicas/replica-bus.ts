/** Carries bytes between the replicas of one coordinator: in order from one sender to one subject, perhaps not at all. */
export interface ReplicaBus {
  publish(subject: string, bytes: Uint8Array): void;
  subscribe(subject: string, take: (bytes: Uint8Array) => void): void;
  /** Called each time the bus is back after it was away; what was published meanwhile may be lost. */
  onReturn(returned: () => void): void;
  /** Sends what is waiting and closes. */
  close(): Promise<void>;
}
