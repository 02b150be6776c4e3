import { describe, expect, it } from 'vitest';
import { activityPage, aiStudio, geminiActivity } from '../testdata/exports';
import { CONTEXT, conversationOf, partsOf } from '../testdata/reading';
import type { SourceRecord } from '../source-values';
import { convertAiStudio } from './ai-studio';
import { convertGeminiActivity, learnPromptPrefix } from './gemini-activity';
import { convertGeminiActivityHtml } from './gemini-activity-html';

function convert(record: object, prefix: string | null = null): ReturnType<typeof conversationOf> {
  return conversationOf(convertGeminiActivity(record as SourceRecord, CONTEXT, prefix));
}

describe('Gemini activities of Takeout, JSON', () => {
  it('makes a prompt and its answer a conversation', () => {
    const found = convert(
      geminiActivity(
        'Prompted What is a fjord?',
        '<p>A <b>fjord</b> is <a href="https://f.example">an inlet</a>.</p><ul><li>deep</li></ul>',
        {
          attachedFiles: ['map-1.png', 'list.txt'],
        },
      ),
    );
    expect(partsOf(found, 'prompt')).toEqual([
      { type: 'text', text: 'What is a fjord?' },
      { type: 'image', uri: 'map-1.png', name: 'map-1.png' },
      { type: 'file', uri: 'list.txt', name: 'list.txt' },
    ]);
    expect(partsOf(found, 'answer')[0]?.['text']).toBe('A **fjord** is [an inlet](https://f.example).\n\n- deep');
    expect([found.title, found.created_at, found.head]).toEqual([
      'What is a fjord?',
      '2025-03-04T05:06:07.890Z',
      'answer',
    ]);
  });

  it('gives the same id to the same activity and another one to another', () => {
    const first = convert(geminiActivity('Prompted A', '<p>B</p>'));
    expect(convert(geminiActivity('Prompted A', '<p>B</p>')).source).toEqual(first.source);
    expect(convert(geminiActivity('Prompted A', '<p>C</p>')).id).not.toBe(first.id);
  });

  it('learns in any language what stands before the prompt, and keeps the title where it cannot', () => {
    const titles = [
      'Ha enviado la petición uno',
      'Ha enviado la petición dos',
      'Ha enviado la petición tres tigres',
      'Ha enviado la petición cuatro',
      'Ha enviado la petición cinco',
      'Ha usado Gemini',
    ];
    const prefix = learnPromptPrefix(titles);
    expect(prefix).toBe('Ha enviado la petición ');
    expect(partsOf(convert(geminiActivity(titles[2] ?? '', '<p>x</p>'), prefix), 'prompt')[0]?.['text']).toBe(
      'tres tigres',
    );
    expect(partsOf(convert(geminiActivity('Inconnu bonjour', '<p>x</p>')), 'prompt')[0]?.['text']).toBe(
      'Inconnu bonjour',
    );
    expect(learnPromptPrefix(['one two', 'three four', 'five six', 'seven eight', 'nine ten'])).toBeNull();
  });

  it('skips activities of other products', () => {
    const search = geminiActivity('Searched for fjord', null, { header: 'Search', products: ['Search'] });
    expect(convertGeminiActivity(search as SourceRecord, CONTEXT).kind).toBe('skipped');
  });

  it('keeps nothing of the answer that could run or lead elsewhere', () => {
    const found = convert(
      geminiActivity(
        'Prompted x',
        '<p onclick="steal()">a<script>alert(1)</script><a href="javascript:alert(1)">b</a><img src="https://track.example/p.png"></p>',
      ),
    );
    expect(partsOf(found, 'answer')[0]?.['text']).toBe('ab');
  });
});

describe('Gemini activities of Takeout, HTML', () => {
  function fromPage(body: string, header?: string): ReturnType<typeof convertGeminiActivityHtml> {
    const page = activityPage([header === undefined ? { body } : { header, body }]);
    return convertGeminiActivityHtml(page.slice(page.indexOf('<div class="outer-cell')), CONTEXT);
  }

  it('parts prompt, time and answer', () => {
    const found = conversationOf(
      fromPage(
        'Prompted&nbsp;Why is the sea salty?<br>Attached 1 file.<br><a href="sea.png">sea.png</a><br>Mar 4, 2025, 5:06:07\u202fAM UTC<br><p>Because of <em>rivers</em>.</p>',
      ),
    );
    expect(partsOf(found, 'prompt')).toEqual([
      { type: 'text', text: 'Why is the sea salty?\nAttached 1 file.' },
      { type: 'image', uri: 'sea.png', name: 'sea.png' },
    ]);
    expect(partsOf(found, 'answer')).toEqual([{ type: 'text', text: 'Because of *rivers*.' }]);
    expect(found.created_at).toBe('2025-03-04T05:06:07.000Z');
  });

  it('keeps a time it cannot read as it was written', () => {
    const found = conversationOf(fromPage('Prompt: hei<br>4. maalisk. 2025 klo 5.06.07 EET<br><p>hei</p>'));
    expect(found.metadata?.['time_text']).toBe('4. maalisk. 2025 klo 5.06.07 EET');
    expect(found.created_at).toBe(CONTEXT.fallbackTime);
  });

  it('skips other products', () => {
    expect(fromPage('Watched a film<br>Mar 4, 2025, 5:06:07 AM UTC', 'YouTube').kind).toBe('skipped');
  });
});

describe('AI Studio prompts', () => {
  const found = conversationOf(convertAiStudio(aiStudio(), { ...CONTEXT, fileName: 'Cats' }));

  it('keeps instructions, thoughts, code runs, sources and files', () => {
    expect(found.title).toBe('Cats');
    expect(partsOf(found, 'system')).toEqual([{ type: 'text', text: 'Be kind.' }]);
    expect(partsOf(found, 'chunk-2')).toEqual([
      { type: 'image', uri: 'data:image/png;base64,iVBORw==', media_type: 'image/png' },
    ]);
    expect(partsOf(found, 'chunk-3')).toEqual([{ type: 'thinking', text: 'A cat has ears' }]);
    expect(partsOf(found, 'chunk-4')).toEqual([
      { type: 'text', text: 'Here it is' },
      { type: 'tool_call', name: 'code_execution', arguments: { code: 'cat()', language: 'python' } },
      { type: 'tool_result', name: 'code_execution', output: 'meow' },
      { type: 'citation', title: 'Cats', uri: 'https://cats.example' },
    ]);
    expect(found.source.model).toBe('gemini-2.5-pro');
  });

  it('keeps what was typed and not sent in the source record', () => {
    const source = found.metadata?.['source_record'] as { chunkedPrompt: { pendingInputs: unknown } };
    expect(source.chunkedPrompt.pendingInputs).toEqual([{ text: 'not sent', role: 'user' }]);
  });
});
