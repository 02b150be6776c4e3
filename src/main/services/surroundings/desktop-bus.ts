/** A bus that is silent must not hold up the readings for longer. */
const ANSWER_WITHIN_MS = 5_000;

/** A method of a service on a bus. */
export interface BusMethod {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

/**
 * Calls over a D-Bus that come to an end: what is absent, lost or silent is an error. dbus-next alone waits for ever for a
 * bus it could not reach. The first value of the answer is returned, out of its variant.
 *
 * @throws Error from each call, with the reason
 */
export async function openBus(
  kind: 'session' | 'system',
  answerWithinMs = ANSWER_WITHIN_MS,
): Promise<(method: BusMethod) => Promise<unknown>> {
  const { default: dbus } = await import('dbus-next');
  const bus = kind === 'system' ? dbus.systemBus() : dbus.sessionBus();
  let lost: Error | null = null;
  const waiting = new Set<(reason: Error) => void>();
  // Without a listener a lost bus would end the program.
  bus.on('error', (reason: Error) => {
    lost = reason;
    for (const fail of waiting) fail(reason);
  });
  return ({ body = [], ...method }) =>
    new Promise((resolve, reject) => {
      if (lost !== null) {
        reject(lost);
        return;
      }
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(fail);
      };
      const fail = (reason: Error): void => {
        end();
        reject(reason);
      };
      const timer = setTimeout(() => fail(new Error(`the ${kind} bus did not answer`)), answerWithinMs);
      waiting.add(fail);
      bus.call(new dbus.Message({ ...method, body: [...body] })).then((reply) => {
        end();
        const value: unknown = reply?.body[0];
        resolve(value instanceof dbus.Variant ? value.value : value);
      }, fail);
    });
}
