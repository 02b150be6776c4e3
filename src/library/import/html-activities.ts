import { ACTIVITY_START } from './converters/gemini-activity-html';

/** One activity of a page; `text` is null when it is larger than anything real. */
export interface ActivityBlock {
  readonly text: string | null;
  readonly byteOffset: number;
}

/** Bytes of one activity: the longest answers have some hundred kilobytes. */
const MAX_ACTIVITY_BYTES = 4_194_304;

/** Cuts Takeout's page into its activities while it is read. What stands before the first is the page's head. */
export async function* sliceActivities(source: AsyncIterable<Buffer>): AsyncGenerator<ActivityBlock> {
  const mark = Buffer.from(ACTIVITY_START);
  let pending: Buffer = Buffer.alloc(0);
  let isInside = false;
  let isTooLarge = false;
  let start = 0;
  for await (const chunk of source) {
    // Where the mark may have begun in the last chunk; what is older was searched already.
    let searchFrom = Math.max(0, pending.length - mark.length + 1);
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (isInside && searchFrom === 0) searchFrom = 1;
    for (let at = pending.indexOf(mark, searchFrom); at !== -1; at = pending.indexOf(mark, 1)) {
      if (isInside) yield { text: isTooLarge ? null : pending.toString('utf8', 0, at), byteOffset: start };
      start += at;
      pending = pending.subarray(at);
      isInside = true;
      isTooLarge = false;
    }
    const keep = isInside && !isTooLarge ? MAX_ACTIVITY_BYTES : mark.length - 1;
    if (pending.length > keep) {
      isTooLarge = isInside;
      const dropped = pending.length - (mark.length - 1);
      start += isInside ? 0 : dropped;
      pending = Buffer.from(pending.subarray(dropped));
    }
  }
  if (isInside) yield { text: isTooLarge ? null : pending.toString('utf8'), byteOffset: start };
}
