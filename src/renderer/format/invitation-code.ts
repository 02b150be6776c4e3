const CODE_PATTERN = /^[A-Za-z0-9-]{8,100}$/;

/** The code in what was typed or pasted, spaces and line breaks left out; null when it cannot be one. */
export function invitationCodeOf(text: string): string | null {
  const code = text.replaceAll(/\s+/g, '');
  return CODE_PATTERN.test(code) ? code : null;
}
