/** Look of an exported page, in light and dark, on paper too. */
export const HTML_STYLE = `
:root { color-scheme: light dark; --ink: #1e2125; --muted: #5b6068; --surface: #faf8f4; --card: #fff; --line: #e6e1d8; --accent: #1d4fa3; --soft: #e8eef8; }
@media (prefers-color-scheme: dark) { :root { --ink: #ece9e3; --muted: #a3a8b0; --surface: #14161a; --card: #1c1f25; --line: #2c3038; --accent: #7fa8f5; --soft: #1f2a3d; } }
body { margin: 0; background: var(--surface); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
main { max-width: 760px; margin: 0 auto; padding: 32px 24px; }
main + main { border-top: 1px solid var(--line); }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; }
.about, header p, .left-out, .source { color: var(--muted); font-size: 13px; margin: 0; }
article { margin-top: 24px; padding: 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); overflow-wrap: anywhere; }
article.human { background: var(--soft); }
article > header { display: flex; justify-content: space-between; gap: 16px; margin-bottom: 8px; }
article > header h2 { font-size: 13px; margin: 0; }
pre { overflow-x: auto; padding: 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--surface); font: 13px/1.5 ui-monospace, monospace; }
pre.plain { white-space: pre-wrap; font: inherit; padding: 0; border: 0; background: none; }
code { font-family: ui-monospace, monospace; font-size: 0.9em; }
img { max-width: 100%; height: auto; border-radius: 8px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: 4px 8px; text-align: left; }
blockquote { margin: 0; padding-left: 12px; border-left: 3px solid var(--line); color: var(--muted); }
a { color: var(--accent); }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--muted); font-size: 13px; }
.hljs-keyword, .hljs-built_in, .hljs-type { color: var(--accent); }
.hljs-string, .hljs-attr { color: #0b7f7f; }
.hljs-comment { color: var(--muted); font-style: italic; }
.hljs-number, .hljs-literal { color: #9a6200; }
@media print { article { break-inside: avoid; } details[open] pre { white-space: pre-wrap; } }
`.trim();
