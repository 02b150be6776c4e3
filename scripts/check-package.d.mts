/** What a packed app holds, and what is wrong with it. */
export function checkPackage(
  folder: string,
  target?: { platform?: string; arch?: string },
): Promise<{
  bytes: number;
  natives: { path: string; kind: string }[];
  problems: string[];
  report: string[];
}>;
