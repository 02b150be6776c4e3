import { describe, expect, it } from 'vitest';
import { EventLog } from './event-log';

describe('EventLog', () => {
  it('numbers from one and replays what came later', () => {
    const log = new EventLog(3);
    for (const text of ['a', 'b', 'c']) log.append({ type: 'notice', text });
    expect(log.after(1)?.map((event) => event.event)).toEqual([2, 3]);
    expect(log.after(3)).toEqual([]);
    expect(log.after(0)).toHaveLength(3);
  });

  it('says when events are gone, or were never given out', () => {
    const log = new EventLog(3);
    expect(log.after(0)).toEqual([]);
    for (const text of ['a', 'b', 'c', 'd']) log.append({ type: 'notice', text });
    expect(log.after(0)).toBeNull();
    expect(log.after(1)).toHaveLength(3);
    expect(log.after(5)).toBeNull();
  });
});
