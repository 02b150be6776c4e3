import { reasonOf } from './errors';
import type { Log } from './services/log';

/** One part that cannot end must not keep the others from ending. */
export async function finish(part: string, work: Promise<void>, log: Log): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    log.error({ part, error: reasonOf(thrown) }, 'a part did not end cleanly');
  }
}
