import type { RouteRule } from '../../access/route-rules';

const administratorRule: RouteRule = { rule: { who: 'administrator' } };

/** Options of a route only administrators may call, in every access policy. */
export const ADMINISTRATOR_ONLY = { config: { access: administratorRule } } as const;
