import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdmissionQueue, type Entry, type QueueLimits, type QueuePlace } from './admission-queue';

const LIMITS: QueueLimits = { running: 2, runningPerNode: 1, waiting: 3, waitingPerNode: 2, waitMs: 600_000 };
const never = new AbortController().signal;

function open(limits: Partial<QueueLimits> = {}): AdmissionQueue {
  return new AdmissionQueue({ ...LIMITS, ...limits }, () => 0);
}

/** One request and what it hears. */
class Guest {
  readonly places: QueuePlace[] = [];
  readonly abort = new AbortController();
  entry: Entry | null = null;
  readonly done: Promise<Entry>;

  constructor(queue: AdmissionQueue, nodeId: string, isUnlimited = false) {
    this.done = queue
      .enter(nodeId, this.abort.signal, (place) => this.places.push(place), isUnlimited)
      .then((entry) => {
        this.entry = entry;
        return entry;
      });
  }

  get position(): number | undefined {
    return this.places.at(-1)?.position;
  }

  async leave(): Promise<void> {
    const entry = await this.done;
    if (entry.kind !== 'admitted') throw new Error(`it is ${entry.kind}`);
    entry.leave();
    await settled();
  }
}

/** Lets everything that was resolved run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('AdmissionQueue', () => {
  it('lets in at once while there is room, and says nothing of places', async () => {
    const queue = open();
    const [first, second] = [new Guest(queue, 'a'), new Guest(queue, 'b')];
    expect([(await first.done).kind, (await second.done).kind]).toEqual(['admitted', 'admitted']);
    expect(first.places).toEqual([]);
    expect([queue.runningRequests, queue.waitingRequests]).toEqual([2, 0]);
  });

  it('tells each its place as the line moves, and lets the next one in', async () => {
    const queue = open();
    const inside = [new Guest(queue, 'a'), new Guest(queue, 'b')];
    const line = [new Guest(queue, 'c'), new Guest(queue, 'd'), new Guest(queue, 'e')];
    expect(line.map((guest) => guest.position)).toEqual([1, 2, 3]);
    await inside[0]?.leave();
    expect(line.map((guest) => guest.entry?.kind)).toEqual(['admitted', undefined, undefined]);
    expect(line.slice(1).map((guest) => guest.position)).toEqual([1, 2]);
    expect(line[2]?.places).toEqual([
      { position: 3, waiting: 3 },
      { position: 2, waiting: 2 },
    ]);
  });

  it('puts a requester who has more behind those who have less', async () => {
    const queue = open({ waiting: 10, waitingPerNode: 10 });
    const greedy = [new Guest(queue, 'greedy'), new Guest(queue, 'greedy'), new Guest(queue, 'greedy')];
    const other = new Guest(queue, 'b');
    // The second of one node does not take the place that another node may use.
    expect(other.entry ?? (await other.done)).toMatchObject({ kind: 'admitted' });
    const modest = new Guest(queue, 'c');
    expect(modest.position).toBe(1);
    expect(greedy.slice(1).map((guest) => guest.position)).toEqual([2, 3]);
    await other.leave();
    expect(modest.entry?.kind).toBe('admitted');
    await greedy[0]?.leave();
    expect(greedy.map((guest) => guest.entry?.kind)).toEqual(['admitted', 'admitted', undefined]);
  });

  it('is bounded, of all and of one', async () => {
    const queue = open();
    const guests = ['a', 'b', 'a', 'a', 'a', 'c', 'd'].map((node) => new Guest(queue, node));
    await settled();
    expect(guests.map((guest) => guest.entry?.kind ?? 'waits')).toEqual([
      'admitted',
      'admitted',
      'waits',
      'waits',
      'own-full',
      'waits',
      'full',
    ]);
    expect(queue.retryAfterSeconds).toBeGreaterThan(0);
    const peer = new Guest(open({ running: 5 }), 'peer', true);
    expect((await peer.done).kind).toBe('admitted');
  });

  it('is left by whoever gives up, whose place the next one takes', async () => {
    const queue = open();
    const inside = [new Guest(queue, 'a'), new Guest(queue, 'b')];
    const [first, second] = [new Guest(queue, 'c'), new Guest(queue, 'd')];
    first.abort.abort();
    expect((await first.done).kind).toBe('aborted');
    expect(second.position).toBe(1);
    await inside[0]?.leave();
    expect(second.entry?.kind).toBe('admitted');
    expect((await queue.enter('e', first.abort.signal, () => undefined)).kind).toBe('aborted');
  });

  it('does not have anybody wait for ever', async () => {
    const queue = open({ running: 1, waitMs: 1 });
    await queue.enter('a', never, () => undefined);
    expect((await queue.enter('b', never, () => undefined)).kind).toBe('timeout');
    expect(queue.waitingRequests).toBe(0);
  });

  it('turns everybody away once it is closed, and lets those inside finish', async () => {
    const queue = open({ running: 1 });
    const inside = new Guest(queue, 'a');
    const waiting = new Guest(queue, 'b');
    queue.close();
    expect((await waiting.done).kind).toBe('closed');
    expect((await queue.enter('c', never, () => undefined)).kind).toBe('closed');
    await inside.leave();
    expect(queue.runningRequests).toBe(0);
  });

  it('never lets more in than may run, leaves no room unused, and gives every waiting one a place of its own', async () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('come' as const), node: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constantFrom('leave' as const, 'abort' as const), index: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const limits = { running: 3, runningPerNode: 2, waiting: 6, waitingPerNode: 4 };
        const queue = open(limits);
        const guests: { guest: Guest; node: string; isOver: boolean }[] = [];
        for (const step of acts) {
          if (step.kind === 'come') guests.push({ guest: new Guest(queue, step.node), node: step.node, isOver: false });
          else {
            const chosen = guests[step.index % Math.max(1, guests.length)];
            if (chosen === undefined || chosen.isOver) continue;
            const isInside = chosen.guest.entry?.kind === 'admitted';
            if (step.kind === 'leave' && !isInside) continue;
            chosen.isOver = true;
            if (isInside) await chosen.guest.leave();
            else chosen.guest.abort.abort();
          }
          await settled();
          const inside = guests.filter(({ guest, isOver }) => !isOver && guest.entry?.kind === 'admitted');
          const waiting = guests.filter(({ guest, isOver }) => !isOver && guest.entry === null);
          const ofNode = (list: typeof guests, node: string): number => list.filter((one) => one.node === node).length;
          expect(queue.runningRequests).toBe(inside.length);
          expect(queue.waitingRequests).toBe(waiting.length);
          expect(inside.length).toBeLessThanOrEqual(limits.running);
          expect(waiting.map(({ guest }) => guest.position).toSorted()).toEqual(waiting.map((_, index) => index + 1));
          for (const node of ['a', 'b', 'c']) {
            expect(ofNode(inside, node)).toBeLessThanOrEqual(limits.runningPerNode);
            expect(ofNode(waiting, node)).toBeLessThanOrEqual(limits.waitingPerNode);
            const couldEnter = inside.length < limits.running && ofNode(inside, node) < limits.runningPerNode;
            if (couldEnter) expect(ofNode(waiting, node)).toBe(0);
          }
        }
      }),
    );
  });
});
