/** What is used of the standard class, which every runtime has and this room's types do not name. */
declare const URL: {
  canParse(address: string): boolean;
  new (address: string): {
    readonly protocol: string;
    readonly username: string;
    readonly password: string;
    readonly hostname: string;
    readonly href: string;
  };
};

/** Characters of an address that can be opened or fetched; more is no address anybody wrote. */
const MAX_LENGTH = 8_000;

/**
 * An address of the web, in the form programs agree on, or null: no other scheme, no name or password before the host. Only
 * such ones are opened or fetched, and only when a person asks for it.
 */
export function webAddressOf(address: string): string | null {
  if (address.length > MAX_LENGTH || !URL.canParse(address)) return null;
  const { protocol, username, password, hostname, href } = new URL(address);
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '' || hostname === '')
    return null;
  return href;
}
