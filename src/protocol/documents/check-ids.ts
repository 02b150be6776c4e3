import { quoted, type Path, type ProblemList } from './problems';

/** Collects the ids of a list and adds a problem for each that appears twice. */
export function uniqueIds(
  entries: readonly { readonly id: string }[],
  path: Path,
  problems: ProblemList,
): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  for (const [index, { id }] of entries.entries()) {
    if (positions.has(id)) problems.add([...path, index, 'id'], `The id ${quoted(id)} is used twice in this list.`);
    else positions.set(id, index);
  }
  return positions;
}
