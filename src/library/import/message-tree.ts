import { fittingId } from './identity';

/** What a message says about its place. */
export interface TreeNode {
  readonly id: string;
  readonly parentId: string | null;
}

/** A message in its place. */
export interface PlacedMessage<Node extends TreeNode> {
  readonly node: Node;
  readonly id: string;
  readonly parentId: string | null;
  /** What had to be changed to make a tree of it. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export interface OrderedTree<Node extends TreeNode> {
  /** Parents before their children; siblings as in the source. */
  readonly nodes: readonly PlacedMessage<Node>[];
  /** Ids of the document by ids of the source. */
  readonly idOf: ReadonlyMap<string, string>;
  /** The end of the branch one gets to by following the last child each time; null without messages. */
  readonly lastLeaf: string | null;
}

interface Entry<Node extends TreeNode = TreeNode> {
  readonly node: Node;
  readonly id: string;
  parent: number | null;
  readonly notes: Record<string, unknown>;
  readonly children: number[];
}

/**
 * Makes a tree of messages that point to their parents, in linear time and without recursion. A parent that does not
 * exist and the closing step of a loop become first messages; a repeated id gets a number behind it. Each such change is
 * noted in the message's metadata with what the source said.
 */
export function orderTree<Node extends TreeNode>(drafts: readonly Node[]): OrderedTree<Node> {
  const entries: Entry<Node>[] = [];
  const positions = new Map<string, number>();
  const idOf = new Map<string, string>();
  const taken = new Set<string>();
  /** The number to try next behind an id; without it, a million messages of one id would take as many times a million. */
  const nextCopy = new Map<string, number>();
  for (const node of drafts) {
    const fitting = fittingId(node.id);
    let id = fitting;
    let copy = nextCopy.get(fitting) ?? 2;
    for (; taken.has(id); copy += 1) id = fittingId(`${fitting}-${copy}`);
    nextCopy.set(fitting, copy);
    taken.add(id);
    const notes: Record<string, unknown> = {};
    if (id !== node.id) notes['original_id'] = node.id;
    if (!positions.has(node.id)) {
      positions.set(node.id, entries.length);
      idOf.set(node.id, id);
    }
    entries.push({ node, id, parent: null, notes, children: [] });
  }
  linkParents(entries, positions);
  cutLoops(entries);
  for (const [index, entry] of entries.entries()) {
    if (entry.parent !== null) entries[entry.parent]?.children.push(index);
  }
  const order = depthFirst(entries);
  return {
    nodes: order.map((index) => place(entries, index)),
    idOf,
    lastLeaf: lastLeafOf(entries),
  };
}

function linkParents(entries: readonly Entry[], positions: ReadonlyMap<string, number>): void {
  for (const [index, entry] of entries.entries()) {
    const { parentId } = entry.node;
    if (parentId === null) continue;
    const parent = positions.get(parentId);
    // A second message of the same id that names itself as parent means the first one, not itself.
    if (parent === undefined || parent === index) entry.notes['missing_parent_id'] = parentId;
    else entry.parent = parent;
  }
}

function cutLoops(entries: readonly Entry[]): void {
  const walkOf = new Int32Array(entries.length).fill(-1);
  for (let start = 0; start < entries.length; start += 1) {
    let at: number | null = start;
    let previous: Entry | null = null;
    while (at !== null) {
      const walk = walkOf[at] ?? -1;
      if (walk === start && previous !== null) {
        previous.notes['loop_parent_id'] = previous.node.parentId;
        previous.parent = null;
        break;
      }
      if (walk !== -1) break;
      walkOf[at] = start;
      const entry: Entry | undefined = entries[at];
      if (entry === undefined) break;
      previous = entry;
      at = entry.parent;
    }
  }
}

function depthFirst(entries: readonly Entry[]): readonly number[] {
  const order: number[] = [];
  const waiting: number[] = [];
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    if (entries[index]?.parent === null) waiting.push(index);
  }
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    order.push(index);
    const children = entries[index]?.children ?? [];
    for (let child = children.length - 1; child >= 0; child -= 1) waiting.push(children[child] ?? 0);
  }
  return order;
}

function lastLeafOf(entries: readonly Entry[]): string | null {
  let at = entries.findLastIndex((entry) => entry.parent === null);
  for (;;) {
    const entry = entries[at];
    if (entry === undefined) return null;
    const next = entry.children.at(-1);
    if (next === undefined) return entry.id;
    at = next;
  }
}

function place<Node extends TreeNode>(entries: readonly Entry<Node>[], index: number): PlacedMessage<Node> {
  const entry = entries[index];
  if (entry === undefined) throw new Error('the order names a message that is not there');
  const parent = entry.parent === null ? null : (entries[entry.parent]?.id ?? null);
  return { node: entry.node, id: entry.id, parentId: parent, notes: entry.notes };
}
