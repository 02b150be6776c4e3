import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { POLICY_TEMPLATES } from '../../protocol/trust/policy';
import { readHeadlessOptions } from '../headless-options';
import { startTestCoordinator } from '../testing/start-coordinator';
import { explainPolicy, readPolicy } from './institution-policy';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tore-policy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Settings of a command line, with this configuration file. */
function settings(line: string[], file = '') {
  const config = join(folder, 'tore.yaml');
  writeFileSync(config, file);
  return readHeadlessOptions([...line, '--config', config], {});
}

describe('the policy of an institution', () => {
  it.each(POLICY_TEMPLATES.map(({ id }) => id))('%s sets what it says', (id) => {
    const policy = POLICY_TEMPLATES.find((one) => one.id === id);
    const read = settings(['--policy', id]);
    expect(read).toMatchObject({
      ok: true,
      value: { options: { accessPolicy: policy?.access_policy, tokenEconomy: policy?.token_economy, policy: id } },
    });
  });

  it('is named in the file as well, and the file may be stricter but not weaker', () => {
    expect(settings([], 'policy: open-campus\naccessPolicy: institution')).toMatchObject({
      ok: true,
      value: { options: { accessPolicy: 'institution' } },
    });
    for (const [file, message] of [
      ['policy: medical-data\naccessPolicy: open', /medical-data wants accessPolicy institution.*says open/],
      ['policy: medical-data\ntokenEconomy: true', /medical-data wants tokenEconomy false/],
      ['policy: no-such', /there is none of this name/],
      [`policy: ${JSON.stringify(join('/nowhere', 'p.json'))}`, /cannot be read/],
    ] as const) {
      expect(settings([], file)).toMatchObject({
        ok: false,
        error: { code: 'config-invalid', message: expect.stringMatching(message) },
      });
    }
  });

  it('may be a file of one’s own, whose form is checked', () => {
    const own = join(folder, 'own.json');
    const [template] = POLICY_TEMPLATES;
    writeFileSync(own, JSON.stringify({ ...template, id: 'our-lab', title: 'Our lab', access_policy: 'keyed' }));
    expect(settings(['--policy', own])).toMatchObject({ ok: true, value: { options: { accessPolicy: 'keyed' } } });
    const read = readPolicy(own);
    expect(read.ok && explainPolicy(read.value).join('\n')).toContain('policy our-lab: Our lab.');
    writeFileSync(own, JSON.stringify({ ...template, access_policy: 'friends' }));
    expect(settings(['--policy', own])).toMatchObject({ ok: false, error: { code: 'config-invalid' } });
    writeFileSync(own, '{');
    expect(settings(['--policy', own])).toMatchObject({ error: { message: expect.stringContaining('not JSON') } });
  });

  it('is told to whoever asks how to get in', async () => {
    const read = settings(['--policy', 'medical-data']);
    if (!read.ok || !('options' in read.value)) throw new Error('not configured');
    const { accessPolicy = 'open', tokenEconomy = true, joinInstructions = '' } = read.value.options;
    const { coordinator, url } = await startTestCoordinator({ accessPolicy, tokenEconomy, joinInstructions });
    const access = (await (await fetch(`${url}/access`)).json()) as { policy: string; instructions: string };
    expect(access.policy).toBe('institution');
    expect(access.instructions).toContain('Policy “Medical data”');
    expect((await fetch(`${url}/inference/models`)).status).toBe(401);
    await coordinator.stop();
  });
});
