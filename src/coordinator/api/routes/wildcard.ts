/** The rest of a path behind a route's `*`, which may hold slashes; cut where it is longer than anything known here. */
export function restOfPath(params: unknown, maxLength: number): string {
  const rest = typeof params === 'object' && params !== null && '*' in params ? params['*'] : '';
  return typeof rest === 'string' ? rest.slice(0, maxLength) : '';
}
