/** Content security policy of the shipped pages: nothing but the app's own files. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // Mantine sets sizes and positions through style attributes.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Policy while the development server serves the pages: its reload socket and the inline script of its React plugin are
 * allowed beside the above.
 * @param origin - of the development server, as `http://localhost:5173`
 */
export function developmentPolicy(origin: string): string {
  const socket = origin.replace(/^http/, 'ws');
  return [
    "default-src 'none'",
    "script-src 'self' 'unsafe-inline'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: app:",
    "font-src 'self'",
    `connect-src 'self' ${socket}`,
  ].join('; ');
}
