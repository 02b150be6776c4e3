import { Template } from '@huggingface/jinja';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../protocol/compute/model';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { ChatTemplate } from './chat-template';

/** A longer run sets it: `TORE_FUZZ_RUNS=20000 npx vitest run src/inference/tokenizer/chat-template`. */
const RUNS = Number(process.env['TORE_FUZZ_RUNS'] ?? 300);

const TOKENS = { beginToken: '<s>', endToken: '</s>' };
const chat: readonly ChatMessage[] = [
  { role: 'system', content: ' Be brief. ' },
  { role: 'user', content: 'Hi {{ 7 * 7 }}' },
  { role: 'assistant', content: 'Hello' },
  { role: 'user', content: 'a,b\nc' },
];

function render(template: string, messages = chat) {
  const read = ChatTemplate.read(template);
  return read.ok ? read.value.render(messages, TOKENS) : read;
}

/** What the library writes without limits. */
function renderFreely(template: string): string {
  const names = { bos_token: TOKENS.beginToken, eos_token: TOKENS.endToken, add_generation_prompt: true };
  return new Template(template).render({ messages: chat.map((message) => ({ ...message })), ...names });
}

describe('templates as published models have them', () => {
  it.each([
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}",
    "{%- if messages[0].role == 'system' %}{%- set system = messages[0].content %}{%- set rest = messages[1:] %}{%- else %}{%- set rest = messages %}{%- endif %}{%- for m in rest %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('order') }}{%- endif %}{{- ' [INST] ' ~ (system ~ '\\n\\n' if loop.first else '') ~ m.content ~ ' [/INST]' }}{%- endfor %}",
    "{%- set ns = namespace(last=messages|length - 1) %}{%- macro write(m) %}{{ m.role|upper }}: {{ m.content.replace(',', ';').split('\\n')|join(' / ') }}\n{% endmacro %}{%- for m in messages[::-1] %}{{ write(m) }}{%- set ns.last = ns.last - 1 %}{%- endfor %}{{ ns.last }}",
    "{{ messages|tojson(indent=2) }}{{ messages|map(attribute='role')|list }}{% for i in range(1, 9, 3) %}{{ i }}{% endfor %}{{ messages[1].content|indent(4) }}{% filter replace('a', 'bb') %}banana{% endfilter %}",
  ])('are written as the library writes them: %#', (template) => {
    expect(expectValue(render(template))).toBe(renderFreely(template));
  });

  it('write long chats of many messages', () => {
    const template = "{% for m in messages %}{{ '<' ~ m.role ~ '>' ~ m.content | trim ~ eos_token }}{% endfor %}";
    const long = Array.from(
      { length: 5_000 },
      (_, index) => ({ role: 'user', content: `${index}`.repeat(100) }) as const,
    );
    expect(expectValue(render(template, long)).length).toBeGreaterThan(1_000_000);
  });

  it('know the date', () => {
    expect(expectValue(render("{{ strftime_now('%Y-%m-%d %H:%M:%S %b %B %%') }}"))).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z][a-z]{2} [A-Z][a-z]+ %$/,
    );
  });
});

const GROW = '{% set ns = namespace(x="xxxxxxxx", l=[1, 2]) %}';
describe('hostile templates', () => {
  it.each([
    ['loops in loops', '{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}'],
    ['a long range', '{{ range(1000000000)|length }}'],
    ['an endless range', '{{ range(0, 1, 0) }}'],
    ['doubling text', `${GROW}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|length }}`],
    ['doubling lists', `${GROW}{% for i in range(40) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l|length }}`],
    ['lists of itself', `${GROW}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}`],
    [
      'lists of itself as JSON',
      `${GROW}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}`,
    ],
    [
      'lists of itself joined to text',
      `${GROW}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ "" + ns.l }}`,
    ],
    [
      'one text many times',
      `${GROW}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{% for i in range(17) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l|join(ns.x)|length }}`,
    ],
    ['a cycle', `${GROW}{% set ns.l = ns %}{{ ns|tojson }}`],
    ['a cycle in a list', `${GROW}{% set ns.l = [ns] %}{{ ns.l }}`],
    ['a macro that calls itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}'],
    [
      'replacing all by much',
      `${GROW}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x.replace("x", ns.x)|length }}`,
    ],
    [
      'a filter that does',
      `${GROW}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|replace("x", ns.x)|length }}`,
    ],
    [
      'a block filter that does',
      `${GROW}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{% filter replace("x", ns.x) %}{{ ns.x }}{% endfilter %}`,
    ],
    [
      'splitting into letters',
      `${GROW}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x.split("x")|length }}`,
    ],
    [
      'splitting into words',
      `${GROW}{% set ns.x = "x " %}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x.split()|length }}`,
    ],
    ['indenting far', '{{ "a\\nb"|indent(500000000) }}'],
    ['JSON indented far', '{{ [[1]]|tojson(indent=500000000) }}'],
    [
      'JSON with long separators',
      `${GROW}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{% for i in range(12) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l|tojson(separators=(ns.x, ns.x)) }}`,
    ],
    ['ten thousand parentheses', `{{ ${'('.repeat(10_000)}1${')'.repeat(10_000)} }}`],
    ['much text', `{% for a in range(99999) %}${'x'.repeat(50_000)}{% endfor %}`],
    [
      'a reason that is no text',
      `${GROW}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ raise_exception(ns.l) }}`,
    ],
  ])('are refused: %s', (_, template) => {
    expect(codeOf(render(template))).toBe('template-invalid');
  });

  it('answer any text with a value', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      '{#',
      '#}',
      '-',
      'for',
      'in',
      'endfor',
      'if',
      'else',
      'endif',
      'set',
      'macro',
      'm',
      'endmacro',
      'call',
      'endcall',
      'filter',
      'endfilter',
      'messages',
      'loop',
      'ns',
      'namespace(',
      'range(',
      '99999',
      ')',
      '(',
      '[',
      ']',
      '{',
      '}',
      ':',
      '|',
      'join',
      'replace',
      'tojson',
      'indent',
      'split',
      '.',
      ',',
      '~',
      '+',
      '*',
      '==',
      '"x"',
      'not',
      'is',
      ' ',
      '\n',
    );
    const hostile = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(' '));
    fc.assert(
      fc.property(hostile, (template) => {
        expect(['ok', 'template-invalid']).toContain(codeOf(render(template)));
      }),
      { numRuns: RUNS, seed: 3 },
    );
  });
});
