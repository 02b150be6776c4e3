/** Names of products as their makers write them; others are shown as they are called in the document. */
const NAMES: Readonly<Record<string, string>> = {
  chatgpt: 'ChatGPT',
  claude: 'Claude',
  gemini: 'Gemini',
  'google-ai-studio': 'AI Studio',
  'open-webui': 'Open WebUI',
  librechat: 'LibreChat',
  'lm-studio': 'LM Studio',
  jan: 'Jan',
  markdown: 'Markdown',
  'chat-messages': 'JSONL',
  'tore-desktop': 'Tore',
};

/** How a product is called on the screen. */
export function platformName(platform: string): string {
  return NAMES[platform] ?? platform;
}
