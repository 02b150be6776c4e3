import type { LayerRange } from '../../protocol/compute/model';

/** Every range of layers that some of the given ranges make up without gap or overlap, widest first. */
export function joinedRanges(held: readonly LayerRange[]): LayerRange[] {
  const endsFrom = new Map<number, Set<number>>();
  for (const { layer_start: start, layer_end: end } of held) {
    endsFrom.set(start, (endsFrom.get(start) ?? new Set<number>()).add(end));
  }
  const joined: LayerRange[] = [];
  for (const start of endsFrom.keys()) {
    const reached = new Set<number>();
    const borders = [start];
    for (let border = borders.pop(); border !== undefined; border = borders.pop()) {
      for (const end of endsFrom.get(border) ?? []) {
        if (reached.has(end)) continue;
        reached.add(end);
        borders.push(end + 1);
      }
    }
    for (const end of reached) joined.push({ layer_start: start, layer_end: end });
  }
  const width = ({ layer_start: start, layer_end: end }: LayerRange): number => end - start;
  return joined.toSorted((left, right) => width(right) - width(left) || left.layer_start - right.layer_start);
}
