/* Records in the layouts of programs that run models at home, written for the tests. */

export function openWebUi(): Record<string, unknown> {
  return {
    id: 'b7c7c7c7-0000-4000-8000-000000000001',
    user_id: 'u1',
    title: 'Stars',
    chat: {
      id: '',
      title: 'Stars',
      models: ['llama3:8b'],
      params: { system: 'You are an astronomer.' },
      history: {
        messages: {
          q: {
            id: 'q',
            parentId: null,
            childrenIds: ['a1', 'a2'],
            role: 'user',
            content: 'How many?',
            timestamp: 1_700_000_000,
            files: [{ type: 'image', url: 'data:image/png;base64,iVBORw==' }],
          },
          a1: {
            id: 'a1',
            parentId: 'q',
            childrenIds: [],
            role: 'assistant',
            content: 'Many.',
            model: 'llama3:8b',
            timestamp: 1_700_000_010,
          },
          a2: {
            id: 'a2',
            parentId: 'q',
            childrenIds: [],
            role: 'assistant',
            content: '<think>Counting</think>\nVery many.',
            model: 'llama3:8b',
            modelName: 'Llama 3',
            timestamp: 1_700_000_020,
            usage: { prompt_tokens: 7, completion_tokens: 9 },
            sources: [
              { source: { name: 'Almanac' }, document: ['10^22'], metadata: [{ source: 'https://stars.example' }] },
            ],
          },
        },
        currentId: 'a1',
      },
      messages: [],
      tags: ['space'],
      timestamp: 1_700_000_000_000,
    },
    created_at: 1_700_000_000,
    updated_at: 1_700_000_030,
    archived: false,
    meta: { tags: ['space'] },
  };
}

export function libreChat(): Record<string, unknown> {
  return {
    conversationId: 'c8c8c8c8-0000-4000-8000-000000000001',
    endpoint: 'openAI',
    title: 'Rivers',
    exportAt: '10:00:00',
    branches: true,
    recursive: true,
    options: { model: 'gpt-4o-mini' },
    messages: [
      {
        messageId: 'q',
        parentMessageId: '00000000-0000-0000-0000-000000000000',
        text: 'Longest?',
        sender: 'User',
        isCreatedByUser: true,
        createdAt: '2025-01-01T00:00:00.000Z',
        tokenCount: 3,
        children: [
          {
            messageId: 'a',
            parentMessageId: 'q',
            text: '',
            sender: 'GPT',
            model: 'gpt-4o-mini',
            isCreatedByUser: false,
            createdAt: '2025-01-01T00:00:05.000Z',
            content: [
              { type: 'think', think: 'Nile or Amazon' },
              { type: 'tool_call', tool_call: { id: 'call_1', name: 'search', args: '{"q":"river"}', output: 'Nile' } },
              { type: 'text', text: { value: 'The Nile.' } },
            ],
            children: [],
          },
        ],
      },
    ],
  };
}

export function lmStudio(): Record<string, unknown> {
  return {
    name: 'Poems',
    pinned: false,
    createdAt: 1_720_000_000_000,
    preset: '',
    tokenCount: 12,
    systemPrompt: 'Rhyme.',
    messages: [
      {
        versions: [
          {
            type: 'singleStep',
            role: 'user',
            content: [
              { type: 'text', text: 'A poem' },
              { type: 'file', fileIdentifier: '17-sea.png', fileType: 'image', sizeBytes: 9 },
            ],
          },
        ],
        currentlySelected: 0,
      },
      {
        versions: [
          {
            type: 'multiStep',
            role: 'assistant',
            senderInfo: { senderName: 'llama' },
            steps: [
              {
                type: 'contentBlock',
                content: [{ type: 'text', text: 'Roses' }],
                genInfo: { identifier: 'llama-3', stats: { promptTokensCount: 3, predictedTokensCount: 1 } },
              },
            ],
          },
          {
            type: 'multiStep',
            role: 'assistant',
            senderInfo: { senderName: 'llama' },
            steps: [
              {
                type: 'contentBlock',
                style: { type: 'thinking', ended: true },
                content: [{ type: 'text', text: 'Blue?' }],
              },
              {
                type: 'contentBlock',
                content: [{ type: 'text', text: 'Violets' }],
                genInfo: { identifier: 'llama-3' },
              },
            ],
          },
        ],
        currentlySelected: 1,
      },
      {
        versions: [{ type: 'singleStep', role: 'user', content: [{ type: 'text', text: 'Thanks' }] }],
        currentlySelected: 0,
      },
    ],
    lastUsedModel: { identifier: 'llama-3' },
  };
}

export const JAN_THREAD = {
  id: 'jan_17',
  object: 'thread',
  title: 'Trains',
  assistants: [{ id: 'jan', name: 'Jan', instructions: 'Be exact.', model: { id: 'mistral-7b', engine: 'nitro' } }],
  created: 1_717_000_000_000,
  updated: 1_717_000_100,
} as const;

export function janMessages(): readonly object[] {
  return [
    {
      id: '01',
      object: 'thread.message',
      thread_id: 'jan_17',
      role: 'user',
      content: [{ type: 'text', text: { value: 'Fast?', annotations: [] } }],
      created_at: 1_717_000_001_000,
    },
    {
      id: '02',
      object: 'thread.message',
      thread_id: 'jan_17',
      role: 'assistant',
      content: [{ type: 'text', text: { value: 'Yes.', annotations: [] } }],
      created_at: 1_717_000_002_000,
    },
  ];
}
