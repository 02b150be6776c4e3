/** How waiting for an answer ended. */
export type Waited<Value> =
  { readonly kind: 'value'; readonly value: Value } | { readonly kind: 'timeout' } | { readonly kind: 'aborted' };

/**
 * Waits for something that others settle, at most `timeoutMs` and not beyond an abort.
 * @param begin - receives the function that settles it
 */
export function waitFor<Value>(
  timeoutMs: number,
  signal: AbortSignal,
  begin: (settle: (value: Value) => void) => void,
): Promise<Waited<Value>> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve({ kind: 'aborted' });
      return;
    }
    const finish = (waited: Waited<Value>): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(waited);
    };
    const abort = (): void => finish({ kind: 'aborted' });
    const timer = setTimeout(() => finish({ kind: 'timeout' }), timeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    begin((value) => finish({ kind: 'value', value }));
  });
}
