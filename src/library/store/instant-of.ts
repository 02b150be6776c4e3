import { sql, type RawBuilder } from 'kysely';

/**
 * The instant a stored time means, for sorting: the same one may be written with another offset, another fraction or in
 * lower case. A leap second counts as the second before it. Null, which is before every instant, where SQLite cannot read
 * the time, as with offsets beyond 14 hours. The indexes of migration 3 are on these very words.
 */
export function instantOf(column: 'created_at' | 'updated_at'): RawBuilder<number | null> {
  return sql`julianday(replace(upper(${sql.ref(column)}), ':60', ':59'))`;
}
