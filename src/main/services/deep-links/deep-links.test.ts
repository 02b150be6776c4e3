import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeepLink } from '../../../contract/deep-links';
import { writeSessionLink } from '../../../protocol/session/session-link';
import { RecordingLog } from '../../test-doubles/recording-log';
import { DeepLinkDesk } from './deep-link-desk';
import { linksOfArguments, readDeepLink } from './read-deep-link';

const sessionId = '019cb1a0-3c00-7000-8000-000000000002';
const link = writeSessionLink({ sessionId, hostUrl: 'https://lab.example.org', code: '0123-abcd-efgh-jkmn' });

const addressOf = (read: DeepLink): string => (read.route === 'session' ? read.hostUrl : read.url);

describe('links of the app', () => {
  it('say which coordinator is meant', () => {
    expect(readDeepLink('tore://coordinator?url=https%3A%2F%2Flab.example.org%2Ftore')).toEqual({
      ok: true,
      value: { route: 'coordinator', url: 'https://lab.example.org/tore' },
    });
  });

  it('say which session is meant and who hosts it', () => {
    expect(readDeepLink(link)).toEqual({
      ok: true,
      value: { route: 'session', sessionId, hostUrl: 'https://lab.example.org', link },
    });
  });

  it.each([
    ['another scheme', 'https://session/x', 'link-invalid'],
    ['no route', 'tore://', 'link-invalid'],
    ['a script', 'tore:javascript:alert(1)', 'link-invalid'],
    ['two lines', `${link}\n--inspect`, 'link-invalid'],
    ['a text turned round', `${link}\u202E`, 'link-invalid'],
    ['a flood', `tore://session/${'a'.repeat(5_000)}`, 'link-invalid'],
    ['a route of the prototype', 'tore://constructor/x', 'link-unknown'],
    ['a route of a later version', 'tore://teleport/x', 'link-unknown'],
    ['a session without a host', `tore://session/${sessionId}`, 'link-invalid'],
    ['no coordinator', 'tore://coordinator', 'link-invalid'],
    ['two coordinators', 'tore://coordinator?url=https%3A%2F%2Fa.example&url=https%3A%2F%2Fb.example', 'link-invalid'],
    ['a coordinator that is a file', 'tore://coordinator?url=file%3A%2F%2F%2Fetc', 'link-invalid'],
    ['a coordinator behind a name', 'tore://coordinator?url=https%3A%2F%2Flab.example%40evil.example', 'link-invalid'],
    ['a host that is a file', `tore://session/${sessionId}?host=file%3A%2F%2F%2Fetc`, 'link-invalid'],
  ])('are refused with the reason: %s', (_what, text, code) => {
    expect(readDeepLink(text)).toMatchObject({ ok: false, error: { code } });
  });

  it('are refused or read, whatever they hold', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((text) => `tore://session/${text}`),
          fc.webUrl().map((url) => `tore://coordinator?url=${encodeURIComponent(url)}`),
        ),
        (text) => {
          const read = readDeepLink(text);
          expect(!read.ok || /^https?:\/\//.test(addressOf(read.value))).toBe(true);
        },
      ),
    );
  });

  it('are found among the arguments of a start, and nothing else is', () => {
    expect(linksOfArguments(['--tore://x', '/home/a/b.tore5', link, 'TORE://session/x'])).toEqual([
      link,
      'TORE://session/x',
    ]);
    expect(linksOfArguments(Array.from({ length: 100 }, () => link))).toHaveLength(10);
  });
});

describe('the desk of opened links', () => {
  it('keeps them until the window takes them, and logs no code of an invitation', () => {
    const events: string[] = [];
    const log = new RecordingLog();
    const desk = new DeepLinkDesk((name) => void events.push(name), log);
    desk.open([]);
    expect(events).toEqual([]);
    desk.open([link, 'tore://teleport/x']);
    expect(events).toEqual(['links-opened']);
    expect(desk.take()).toMatchObject([
      { kind: 'link', link: { route: 'session' } },
      { kind: 'refused', error: { code: 'link-unknown' } },
    ]);
    expect(desk.take()).toEqual([]);
    expect(JSON.stringify(log)).not.toContain('0123-abcd');
    desk.open(Array.from({ length: 50 }, () => link));
    expect(desk.take()).toHaveLength(10);
  });
});
