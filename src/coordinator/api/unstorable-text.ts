/** Whether a value read from JSON or an address holds U+0000, which no text of a PostgreSQL database can. */
export function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsNul);
  return Object.entries(value).some(([name, member]) => name.includes('\0') || holdsNul(member));
}
