import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SESSION_CALLS } from '../../../contract/sessions';
import { CallRegistry } from '../../ipc/call-registry';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import { AccessTokens } from '../access-tokens';
import { nodeLogger } from '../node-logger';
import { openOwnModels } from '../own-models/start-own-models';
import { SecretVault } from '../secret-vault';
import { startSessions, type StartSessionsOptions } from './start-sessions';

const noKeyStore = {
  isEncryptionAvailable: () => false,
  encryptString: () => Buffer.alloc(0),
  decryptString: () => '',
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-start-sessions-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('sessions of a computer whose key is damaged', () => {
  it('answer every call with the reason, say what to do, and let the app start', async () => {
    const log = new RecordingLog();
    const timers = new ManualTimers();
    const { vault } = await SecretVault.open(join(folder, 'secrets.json'), noKeyStore, {
      platform: 'linux',
      nowMs: 0,
      log,
    });
    await vault.write('node-identity', Buffer.from('half a key').toString('base64'));
    const notices: string[] = [];
    const sessions = await startSessions({
      folders: { sessions: join(folder, 'sessions') },
      vault,
      accessTokens: new AccessTokens(vault),
      models: await openOwnModels(join(folder, 'own-models.json'), vault, {
        networkModelId: () => 'tore-tiny',
        contextLengthOf: () => null,
        addNotice: () => undefined,
        timers,
      }),
      send: () => undefined,
      addNotice: (text: string) => notices.push(text),
      timers,
      logger: nodeLogger(log),
    } as unknown as StartSessionsOptions);
    expect(notices.join()).toContain('is damaged');
    expect(notices.join()).toContain('Restore the file from a backup');

    const handlers = new Map<string, (payload: unknown) => Promise<unknown>>();
    const page = { id: 1, url: 'app://tore/index.html' };
    const event = { sender: { id: page.id }, senderFrame: { url: page.url, parent: null } };
    const port = {
      handle: (channel: string, listener: (event: never, payload: unknown) => Promise<unknown>) =>
        void handlers.set(channel, (payload) => listener(event as never, payload)),
    };
    sessions.registerCalls(new CallRegistry(port, { webContentsId: () => page.id, origin: 'app://tore' }, log));
    expect([...handlers.keys()].sort()).toEqual(Object.keys(SESSION_CALLS).sort());
    expect(await handlers.get('sessions:list')?.(null)).toMatchObject({
      ok: false,
      error: { code: 'identity-corrupt' },
    });
    sessions.setTarget({ kind: 'starting' });
    await sessions.close();
  });
});
