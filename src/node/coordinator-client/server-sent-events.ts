/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  readonly name: string;
  readonly data: string;
}

/** Characters of one event that may wait for its end; a settled answer fits many times. */
const MAX_EVENT_CHARACTERS = 4 * 1_024 * 1_024;

/**
 * Reads server-sent events as they arrive (WHATWG HTML, section 9.2), for answers that stream over HTTP.
 * @throws RangeError when one event grows beyond the limit
 */
export async function* readServerSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let pending = '';
  let name = '';
  let data: string[] = [];
  let characters = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      pending += value === undefined ? decoder.decode() : decoder.decode(value, { stream: true });
      if (pending.length > MAX_EVENT_CHARACTERS) throw new RangeError('a streamed event is too large');
      // A carriage return at the very end may be half of a line break.
      const lines = pending.split(/\r\n|\n|\r(?!$)/);
      pending = done ? '' : (lines.pop() ?? '');
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) yield { name: name === '' ? 'message' : name, data: data.join('\n') };
          name = '';
          data = [];
          characters = 0;
        } else if (!line.startsWith(':')) {
          const colon = line.indexOf(':');
          const field = colon === -1 ? line : line.slice(0, colon);
          const text = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
          if (field === 'event') name = text;
          if (field !== 'data') continue;
          // Each line is joined to the others by one more.
          characters += text.length + 1;
          if (characters > MAX_EVENT_CHARACTERS) throw new RangeError('a streamed event is too large');
          data.push(text);
        }
      }
      if (done) return;
    }
  } finally {
    await reader.cancel();
  }
}
