import type { CoordinatorMessage } from '../../protocol/wire/messages';

/** An event before it has its number. */
type Numbered = Extract<CoordinatorMessage, { event: number }>;
export type EventDraft = {
  [Name in Numbered['type']]: Omit<Extract<Numbered, { type: Name }>, 'event'>;
}[Numbered['type']];

/** Numbers events from 1 and keeps the newest for a connection that comes back. */
export class EventLog {
  private readonly kept: Numbered[] = [];
  private lastNumber = 0;

  constructor(private readonly capacity: number) {}

  append(draft: EventDraft): Numbered {
    this.lastNumber += 1;
    const event = { ...draft, event: this.lastNumber } as Numbered;
    this.kept.push(event);
    if (this.kept.length > this.capacity) this.kept.shift();
    return event;
  }

  /** Events after `number`, or null when some of them are gone or `number` was never given out. */
  after(number: number): readonly Numbered[] | null {
    const oldest = this.kept[0]?.event ?? this.lastNumber + 1;
    if (number > this.lastNumber || number < oldest - 1) return null;
    return this.kept.filter((event) => event.event > number);
  }
}
