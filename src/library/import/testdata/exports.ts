/*
 * Records in the layouts of the products, written for the tests. Every oddity that real exports are known for is in one of
 * them.
 */

export const CHATGPT_ID = '6f0d3f0e-1c6b-4a43-9b1c-0d6f7e2a9c11';
export const CLAUDE_ID = 'a3c8a1de-52f4-4f6e-8d0b-66a1c1f2b7e9';

interface NodeOptions {
  readonly role?: string;
  readonly name?: string | null;
  readonly content?: unknown;
  readonly metadata?: Record<string, unknown>;
  readonly recipient?: string;
  readonly time?: number | null;
}

/** A node of ChatGPT's `mapping`. */
export function node(
  id: string,
  parent: string | null,
  children: readonly string[],
  options: NodeOptions | null,
): object {
  if (options === null) return { id, message: null, parent, children };
  return {
    id,
    message: {
      id,
      author: { role: options.role ?? 'user', name: options.name ?? null, metadata: {} },
      create_time: options.time === undefined ? 1_700_000_000.25 : options.time,
      update_time: null,
      content: options.content ?? { content_type: 'text', parts: ['Hello'] },
      status: 'finished_successfully',
      end_turn: null,
      weight: 1,
      metadata: options.metadata ?? {},
      recipient: options.recipient ?? 'all',
    },
    parent,
    children,
  };
}

export function text(...parts: readonly unknown[]): object {
  return { content_type: 'text', parts };
}

/** A conversation of ChatGPT around a mapping. */
export function chatGpt(nodes: readonly object[], more: Record<string, unknown> = {}): Record<string, unknown> {
  const mapping = Object.fromEntries(nodes.map((entry) => [(entry as { id: string }).id, entry]));
  return {
    title: 'Tides',
    create_time: 1_700_000_000.25,
    update_time: 1_700_000_500,
    mapping,
    moderation_results: [],
    current_node: null,
    conversation_id: CHATGPT_ID,
    default_model_slug: 'gpt-4o',
    id: CHATGPT_ID,
    ...more,
  };
}

/** A conversation with a branch, hidden nodes, a tool run, an image, citations and a file. */
export function fullChatGpt(): Record<string, unknown> {
  const mark = '\uE200cite\uE202turn0search1\uE201';
  return chatGpt(
    [
      node('root', null, ['system'], null),
      node('system', 'root', ['user'], {
        role: 'system',
        content: text(''),
        metadata: { is_visually_hidden_from_conversation: true },
        time: null,
      }),
      node('user', 'system', ['answer-1', 'call'], {
        content: {
          content_type: 'multimodal_text',
          parts: [
            {
              content_type: 'image_asset_pointer',
              asset_pointer: 'file-service://file-AbC123xyz',
              size_bytes: 4,
              width: 2,
              height: 3,
            },
            'What is on this picture?',
            null,
          ],
        },
        metadata: {
          attachments: [
            { id: 'file-AbC123xyz', name: 'beach.png', mime_type: 'image/png', size: 4 },
            { id: 'file_00000000aa11', name: 'notes.pdf', mime_type: 'application/pdf', size: 5 },
          ],
        },
      }),
      node('answer-1', 'user', [], {
        role: 'assistant',
        content: text('First answer'),
        metadata: { model_slug: 'gpt-4' },
      }),
      node('call', 'user', ['gap'], {
        role: 'assistant',
        recipient: 'python',
        content: { content_type: 'code', language: 'unknown', text: '{"code":"print(1)"}' },
        metadata: { model_slug: 'gpt-4o' },
      }),
      node('gap', 'call', ['result'], null),
      node('result', 'gap', ['thoughts'], {
        role: 'tool',
        name: 'python',
        content: { content_type: 'execution_output', text: '1' },
        metadata: {
          aggregate_result: {
            messages: [{ message_type: 'image', image_url: 'file-service://file-Plot99', width: 1, height: 1 }],
          },
        },
      }),
      node('thoughts', 'result', ['answer-2'], {
        role: 'assistant',
        content: { content_type: 'thoughts', thoughts: [{ summary: 'Looking', content: 'It is a beach' }] },
      }),
      node('answer-2', 'thoughts', [], {
        role: 'assistant',
        content: text(`Tides come twice a day${mark}.`),
        metadata: {
          model_slug: 'gpt-4o',
          content_references: [
            {
              matched_text: mark,
              start_idx: 22,
              end_idx: 40,
              alt: '([noaa.gov](https://noaa.gov/tides))',
              type: 'grouped_webpages',
              items: [{ title: 'Tides', url: 'https://noaa.gov/tides', snippet: 'Twice daily' }],
            },
          ],
        },
      }),
    ],
    { current_node: 'answer-2' },
  );
}

/** A conversation of Claude with branches and every kind of block. */
export function fullClaude(): Record<string, unknown> {
  const zeros = '00000000-0000-4000-8000-000000000000';
  return {
    uuid: CLAUDE_ID,
    name: 'Bread',
    summary: '',
    model: 'claude-sonnet-4',
    created_at: '2025-06-01T10:00:00.000000Z',
    updated_at: '2025-06-01T10:05:00.000000Z',
    account: { uuid: 'b2b2b2b2-0000-4000-8000-000000000001' },
    current_leaf_message_uuid: 'm3',
    chat_messages: [
      {
        uuid: 'm1',
        text: 'How long does dough rest?',
        content: [{ type: 'text', text: 'How long does dough rest?', citations: [] }],
        sender: 'human',
        created_at: '2025-06-01T10:00:00.000000Z',
        parent_message_uuid: zeros,
        attachments: [
          { file_name: 'paste.txt', file_size: 12, file_type: 'txt', extracted_content: 'Flour, water, salt' },
        ],
        files: [{ file_uuid: 'c0ffee00-0000-4000-8000-000000000001', file_name: 'dough.png', file_kind: 'image' }],
      },
      {
        uuid: 'm2',
        text: 'An hour.',
        content: [
          { type: 'thinking', thinking: 'Room temperature?', summaries: [{ summary: 'Thinking of warmth' }] },
          { type: 'tool_use', id: 'toolu_1', name: 'web_search', input: { query: 'dough' } },
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            name: 'web_search',
            is_error: false,
            content: [{ type: 'text', text: 'An hour at 24 degrees' }],
          },
          {
            type: 'text',
            text: 'An hour.',
            citations: [
              {
                start_index: 0,
                end_index: 7,
                title: 'Baking',
                url: 'https://bread.example/rest',
                details: { type: 'web' },
              },
            ],
          },
          { type: 'injected_prompt_block', prompt: 'be brief' },
        ],
        sender: 'assistant',
        created_at: '2025-06-01T10:01:00.000000Z',
        parent_message_uuid: 'm1',
        attachments: [],
        files: [],
      },
      {
        uuid: 'm3',
        text: 'Two hours when cold.',
        content: [],
        sender: 'assistant',
        created_at: '2025-06-01T10:02:00.000000Z',
        parent_message_uuid: 'm1',
        attachments: [],
        files: [],
      },
    ],
  };
}

export function claudeProject(): Record<string, unknown> {
  return {
    uuid: 'd1d1d1d1-0000-4000-8000-000000000001',
    name: 'Bakery',
    description: 'Bread only',
    is_private: true,
    prompt_template: 'Answer in grams.',
    created_at: '2025-05-01T10:00:00Z',
    updated_at: '2025-05-02T10:00:00Z',
    creator: { uuid: 'b2b2b2b2-0000-4000-8000-000000000001', full_name: 'Ada' },
    docs: [{ uuid: 'e1', filename: 'flour.md', content: '# Flour', created_at: '2025-05-01T10:00:00Z' }],
  };
}

/** What Claude sends instead of an archive since 2026: addresses of archives. */
export function claudeManifest(): Record<string, unknown> {
  return {
    export_id: 'f1',
    files: [
      { name: 'conversations-000.zip', url: 'https://downloads.example/conversations-000.zip?signature=1' },
      { name: 'projects-000.zip', url: 'https://downloads.example/projects-000.zip?signature=2' },
    ],
  };
}

export function geminiActivity(title: string, answer: string | null, more: Record<string, unknown> = {}): object {
  return {
    header: 'Gemini Apps',
    title,
    time: '2025-03-04T05:06:07.890Z',
    products: ['Gemini Apps'],
    activityControls: ['Gemini Apps Activity'],
    ...(answer === null ? {} : { safeHtmlItem: [{ html: answer }] }),
    ...more,
  };
}

/** A page of Takeout with activities, as `My Activity.html` has them. */
export function activityPage(cells: readonly { readonly header?: string; readonly body: string }[]): string {
  const blocks = cells.map(
    ({ header, body }) =>
      `<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid"><div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">${header ?? 'Gemini Apps'}<br></p></div><div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1">${body}</div><div class="content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1 mdl-typography--text-right"></div><div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;${header ?? 'Gemini Apps'}<br></div></div></div>`,
  );
  return `<html><head><style>.outer-cell{}</style></head><body><div class="mdl-grid">${blocks.join('')}</div></body></html>`;
}

export function aiStudio(): Record<string, unknown> {
  return {
    runSettings: { temperature: 1, model: 'models/gemini-2.5-pro', topP: 0.95 },
    systemInstruction: { parts: [{ text: 'Be kind.' }] },
    chunkedPrompt: {
      chunks: [
        { text: 'Draw a cat', role: 'user', tokenCount: 3 },
        { inlineFile: { mimeType: 'image/png', data: 'iVBORw==' }, role: 'user' },
        { text: 'A cat has ears', role: 'model', isThought: true, tokenCount: 4 },
        {
          text: 'Here it is',
          role: 'model',
          tokenCount: 5,
          executableCode: { language: 'PYTHON', code: 'cat()' },
          codeExecutionResult: { outcome: 'OUTCOME_OK', output: 'meow' },
          grounding: { groundingSources: [{ uri: 'https://cats.example', title: 'Cats' }] },
        },
      ],
      pendingInputs: [{ text: 'not sent', role: 'user' }],
    },
  };
}
