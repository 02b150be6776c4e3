/** Why this user cannot have a network of their own here, as the end of a sentence; null where they can. */
export function ownNetworkProblem(): string | null;
