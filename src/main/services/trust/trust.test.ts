import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallInput } from '../../../contract/calls';
import { startTestCoordinator, type TestCoordinator } from '../../../coordinator/testing/start-coordinator';
import type { AgreementView } from '../../../contract/trust';
import { generateSigner, nodeCryptography, signerOfSeed } from '../../../keys/ed25519';
import { grantOf } from '../../../protocol/federation/grant';
import { failure, type Result } from '../../../protocol/result';
import { readDocument } from '../../../protocol/documents/read-document';
import { verifyAgreement } from '../../../protocol/signing/verify-document';
import type { Agreement } from '../../../protocol/trust/agreement';
import { actsForParty, partyOfKey } from '../../../protocol/trust/agreement-keys';
import { impostor } from '../../test-doubles/impostor';
import { RecordingLog } from '../../test-doubles/recording-log';
import { nodeLogger } from '../node-logger';
import { SecretVault } from '../secret-vault';
import { systemTimers as timers } from '../timers';
import { TrustFeature } from './start-trust';

/** One app's part: a party with a folder of its own at a real coordinator. */
interface Side {
  readonly trust: TrustFeature;
  readonly events: string[];
  /** Where the next dialog saves to or opens from. */
  file: string;
  stop(): Promise<void>;
}

let folder: string;
let coordinator: TestCoordinator;
/** Requests for answers of a model, which cost the person's balance. */
let generated = 0;
const sides: Side[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-trust-'));
  coordinator = await startTestCoordinator();
  generated = 0;
});
afterEach(async () => {
  for (const side of sides.splice(0)) await side.stop();
  await coordinator.coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

const noKeyStore = {
  isEncryptionAvailable: () => false,
  encryptString: () => Buffer.alloc(0),
  decryptString: () => '',
};

async function start(name: string, url: string | null = coordinator.url): Promise<Side> {
  const log = new RecordingLog();
  const { vault } = await SecretVault.open(join(folder, `${name}.json`), noKeyStore, {
    platform: 'linux',
    nowMs: timers.now(),
    log,
  });
  const side: Omit<Side, 'trust'> = { events: [], file: '', stop: () => Promise.resolve() };
  const trust = await TrustFeature.start({
    folder: join(folder, name),
    vault,
    node: {
      generate: () => {
        generated += 1;
        return Promise.resolve(failure('not-connected', 'No model here.'));
      },
    },
    nodeKey: () => signerOfSeed(new Uint8Array(32).fill(name.length)).publicKey,
    dialogs: { saveFile: () => Promise.resolve(whole.file), open: () => Promise.resolve([whole.file]) },
    onChange: () => undefined,
    addEvent: (_kind, text) => side.events.push(text),
    timers,
    log,
    nodeLog: nodeLogger(log),
  });
  const whole: Side = { ...side, trust, stop: () => trust.close() };
  sides.push(whole);
  if (url !== null) trust.setTarget({ kind: 'known', url, accessToken: null });
  return whole;
}

function got<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

async function connected(name: string): Promise<Side> {
  const side = await start(name);
  got(await side.trust.key.create({ name, institution: `${name} University` }));
  await expect.poll(() => side.trust.view().connection.kind, { timeout: 20_000 }).toBe('connected');
  return side;
}

const RECORD: CallInput<'discovery:publish'> = {
  capabilities: [{ domain: 'science', subdomain: 'chemistry', models: ['org/chem'], description: 'Spectra.' }],
  governanceMode: 'voluntary',
  quota: { count: 3, windowSeconds: 3_600 },
  availability: 'weekdays',
  lifetimeDays: 30,
};
const QUOTA = { count: 3, windowSeconds: 3_600 };
const TERMS: CallInput<'agreement:offer'>['terms'] = {
  purpose: 'Compare two models.',
  resources: ['2 GPU hours a week'],
  costUnit: 'GFT',
  costRate: null,
  costLedger: null,
  dataHandling: 'Nothing leaves the session.',
  effectiveAt: '2020-01-01T00:00:00.000Z',
  expiresAt: null,
  termination: 'Thirty days notice.',
  federation: { own: null, other: null },
};

const phaseOf = (side: Side, id: string): string | undefined =>
  side.trust.view().handshakes.find((one) => one.id === id)?.phase;

async function reaches(side: Side, id: string, phase: string): Promise<void> {
  await expect.poll(() => phaseOf(side, id), { timeout: 20_000 }).toBe(phase);
}

/** A handshake from the search to both decisions. */
async function handshake(a: Side, b: Side): Promise<string> {
  got(await b.trust.discovery.publish(RECORD));
  const { records } = got(await a.trust.discovery.search({ domain: 'science', limit: 20 }));
  const node = records[0]?.record.node;
  if (node === undefined) throw new Error('no record was found');
  const { handshakeId } = got(
    await a.trust.handshakes.propose({
      nodeId: node.node_id,
      publicKey: node.public_key,
      name: node.display_name ?? '',
      recordId: records[0]?.record.id ?? null,
      purpose: 'See whether we fit.',
      governanceMode: 'voluntary',
      quota: QUOTA,
      days: 30,
    }),
  );
  await reaches(b, handshakeId, 'proposed');
  got(await b.trust.handshakes.join({ handshakeId, quota: QUOTA, note: '' }));
  await reaches(a, handshakeId, 'challenging');
  const challenge = { handshakeId, domain: 'science', subdomain: 'chemistry', set: null, compute: null };
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    got(await one.trust.handshakes.challenge({ ...challenge, prompt: 'Which bond absorbs at 1,700 per cm?' }));
    const asked = async (): Promise<string | undefined> =>
      got(await other.trust.handshakes.view(handshakeId)).challenges.find((each) => each.response === null)?.id;
    await expect.poll(asked, { timeout: 20_000 }).toBeDefined();
    const challengeId = (await asked()) ?? '';
    got(await other.trust.handshakes.respond({ handshakeId, challengeId, text: 'C=O.', modelId: null }));
    const answered = async (): Promise<boolean> =>
      got(await one.trust.handshakes.view(handshakeId)).challenges.some(
        (each) => each.id === challengeId && each.response,
      );
    await expect.poll(answered, { timeout: 20_000 }).toBe(true);
    got(await one.trust.handshakes.note({ handshakeId, challengeId, text: 'SECRET: they looked it up.' }));
    got(await one.trust.handshakes.mark({ handshakeId, challengeId, verdict: 'accepted' }));
  }
  got(await a.trust.handshakes.decide({ handshakeId, decision: 'accept', reason: '' }));
  await reaches(b, handshakeId, 'decided');
  got(await b.trust.handshakes.decide({ handshakeId, decision: 'accept', reason: 'Good answers.' }));
  await reaches(a, handshakeId, 'accepted');
  return handshakeId;
}

describe('two apps and one coordinator', () => {
  it('find each other, shake hands, and hold the same agreement with both signatures', async () => {
    const [a, b] = [await connected('Spectra'), await connected('Corpus')];
    const handshakeId = await handshake(a, b);
    const { agreementId } = got(await a.trust.handshakes.offer({ handshakeId, terms: TERMS, renews: null }));
    const standing = (side: Side): string | undefined =>
      side.trust.view().agreements.find((one) => one.id === agreementId)?.standing;
    await expect.poll(() => standing(b), { timeout: 20_000 }).toBe('offered');
    got(await b.trust.handshakes.sign(agreementId));
    await expect.poll(() => standing(a), { timeout: 20_000 }).toBe('in-force');
    expect(standing(b)).toBe('in-force');

    // Challenges came and were answered by people: nobody's model was made to work.
    expect(generated).toBe(0);
    a.file = join(folder, 'agreement.tore2-agreement.json');
    got(await a.trust.exportAgreement(agreementId));
    const read = got(readDocument(await readFile(a.file), { expected: 'agreement' }));
    if (read.kind !== 'agreement') throw new Error('not an agreement');
    expect(verifyAgreement(read.document, nodeCryptography)).toMatchObject({ ok: true, value: { signatures: 2 } });
    expect(read.document.evidence).toHaveLength(2);
    // The computers of both act for their parties, in sessions under the agreement for one; a stranger's does not.
    for (const [length, acts] of [
      ['Spectra'.length, true],
      ['Corpus'.length, true],
      [99, false],
    ] as const) {
      const { publicKey } = signerOfSeed(new Uint8Array(32).fill(length));
      expect(actsForParty(read.document, publicKey)).toBe(acts);
    }
    expect(JSON.stringify(read.document)).not.toContain('SECRET');
    // A third app reads it as a file of others.
    const c = await start('Reader', null);
    c.file = a.file;
    expect(got(await c.trust.importAgreement())).toMatchObject({ verified: true, isParty: false });

    const effectiveAt = new Date().toISOString();
    got(await b.trust.handshakes.terminate({ agreementId, reason: 'The project ended.', effectiveAt }));
    await expect.poll(() => standing(a), { timeout: 20_000 }).toBe('terminated');
    expect(a.events).toContain('Corpus ended an agreement.');

    // Everything is there after a start, and notes are where they were written.
    await a.stop();
    const again = await start('Spectra');
    expect(phaseOf(again, handshakeId)).toBe('accepted');
    const view = got(await again.trust.handshakes.view(handshakeId));
    expect(view.challenges.map(({ note }) => note)).toContain('SECRET: they looked it up.');
    const bFile = got(await b.trust.handshakes.view(handshakeId));
    expect(bFile.challenges.filter(({ by }) => by === 'proposer').every(({ note }) => note === '')).toBe(true);
  });

  it('keep what is written without a coordinator, and send it when there is one', async () => {
    const [a, b] = [await start('Spectra', null), await connected('Corpus')];
    got(await a.trust.key.create({ name: 'Spectra', institution: null }));
    const key = b.trust.key.view();
    const { handshakeId } = got(
      await a.trust.handshakes.propose({
        nodeId: key?.nodeId ?? '',
        publicKey: key?.publicKey ?? '',
        name: 'Corpus',
        recordId: null,
        purpose: 'Written on a train.',
        governanceMode: 'voluntary',
        quota: QUOTA,
        days: 30,
      }),
    );
    expect(got(await a.trust.handshakes.view(handshakeId)).unsent).toBe(1);
    a.trust.setTarget({ kind: 'known', url: coordinator.url, accessToken: null });
    await reaches(b, handshakeId, 'proposed');
    await expect.poll(async () => got(await a.trust.handshakes.view(handshakeId)).unsent, { timeout: 20_000 }).toBe(0);
  });

  it('go on after one of them has replaced its key, in its record and in the handshake', async () => {
    const [a, b] = [await connected('Spectra'), await connected('Corpus')];
    const handshakeId = await handshake(a, b);
    const before = b.trust.key.view()?.publicKey;
    got(await b.trust.key.replace('yearly'));
    await expect.poll(() => b.trust.view().connection.kind, { timeout: 20_000 }).toBe('connected');
    const { agreementId } = got(await b.trust.handshakes.offer({ handshakeId, terms: TERMS, renews: null }));
    const standing = (): string | undefined =>
      a.trust.view().agreements.find((one) => one.id === agreementId)?.standing;
    await expect.poll(standing, { timeout: 20_000 }).toBe('offered');
    got(await a.trust.handshakes.sign(agreementId));
    expect(standing()).toBe('in-force');
    // What is sent to the earlier key reaches the newer one.
    await expect
      .poll(() => b.trust.view().agreements.find((one) => one.id === agreementId)?.standing, { timeout: 20_000 })
      .toBe('in-force');
    const found = async (): Promise<string | undefined> =>
      got(await a.trust.discovery.search({ limit: 20 })).records[0]?.record.node.public_key;
    await expect.poll(found, { timeout: 20_000 }).toBe(b.trust.key.view()?.publicKey);
    expect(before).not.toBe(b.trust.key.view()?.publicKey);
  });

  it('end what was agreed before one of them replaced its key', async () => {
    const [a, b] = [await connected('Spectra'), await connected('Corpus')];
    const handshakeId = await handshake(a, b);
    const { agreementId } = got(await a.trust.handshakes.offer({ handshakeId, terms: TERMS, renews: null }));
    const standing = (side: Side): string | undefined =>
      side.trust.view().agreements.find((one) => one.id === agreementId)?.standing;
    await expect.poll(() => standing(b), { timeout: 20_000 }).toBe('offered');
    got(await b.trust.handshakes.sign(agreementId));
    await expect.poll(() => standing(a), { timeout: 20_000 }).toBe('in-force');
    got(await b.trust.key.replace('yearly'));
    await expect.poll(() => b.trust.view().connection.kind, { timeout: 20_000 }).toBe('connected');
    const effectiveAt = new Date(Date.now() - 1_000).toISOString();
    got(await b.trust.handshakes.terminate({ agreementId, reason: 'The project ended.', effectiveAt }));
    await expect.poll(() => standing(a), { timeout: 20_000 }).toBe('terminated');
  });
});

describe('a coordinator that is not what it says', () => {
  it('changes nothing of what waits at the one whose id it takes', async () => {
    const [a, b] = [await connected('Spectra'), await connected('Corpus')];
    const { connection } = a.trust.view();
    const coordinatorId = connection.kind === 'connected' ? connection.coordinatorId : '';
    const last = { position: Number.MAX_SAFE_INTEGER, message: {} };
    const other = await impostor(coordinatorId, { messages: [last], more: false });
    a.trust.setTarget({ kind: 'known', url: other.url, accessToken: null });
    const kept = (): Promise<string> => readFile(join(folder, 'Spectra', 'state.json'), 'utf8').catch(() => '');
    await expect.poll(kept, { timeout: 20_000 }).toContain(String(last.position));
    a.trust.setTarget({ kind: 'known', url: coordinator.url, accessToken: null });
    const key = a.trust.key.view();
    const { handshakeId } = got(
      await b.trust.handshakes.propose({
        nodeId: key?.nodeId ?? '',
        publicKey: key?.publicKey ?? '',
        name: 'Spectra',
        recordId: null,
        purpose: 'See whether we fit.',
        governanceMode: 'voluntary',
        quota: QUOTA,
        days: 30,
      }),
    );
    await reaches(a, handshakeId, 'proposed');
    await a.stop();
    await other.stop();
  });

  it('does not hear of the end of an agreement in place of the one whose id it takes', async () => {
    const [a, b] = [await connected('Spectra'), await connected('Corpus')];
    const handshakeId = await handshake(a, b);
    const { agreementId } = got(await a.trust.handshakes.offer({ handshakeId, terms: TERMS, renews: null }));
    const others = [await impostor('the-same', { messages: [], more: false }), await impostor('the-same', {})];
    const [first, second] = others;
    a.trust.setTarget({ kind: 'known', url: first?.url ?? '', accessToken: null });
    const idOf = (): string => {
      const { connection } = a.trust.view();
      return connection.kind === 'connected' ? connection.coordinatorId : '';
    };
    await expect.poll(idOf, { timeout: 20_000 }).toBe('the-same');
    const effectiveAt = new Date().toISOString();
    got(await a.trust.handshakes.terminate({ agreementId, reason: 'The project ended.', effectiveAt }));
    const path = '/access/agreements/terminations';
    await expect.poll(() => first?.asked, { timeout: 20_000 }).toContain(path);
    a.trust.setTarget({ kind: 'known', url: second?.url ?? '', accessToken: null });
    await expect.poll(() => second?.asked, { timeout: 20_000 }).toContain(path);
    await a.stop();
    for (const one of others) await one.stop();
  });

  it('is not taken for another one where it is the own one, started anew at another port', async () => {
    const a = await connected('Spectra');
    const kept = (): Promise<string> => readFile(join(folder, 'Spectra', 'state.json'), 'utf8').catch(() => '');
    for (const position of [7, 8]) {
      const messages = [{ position, message: {} }];
      const own = await impostor('own', { messages, more: false });
      a.trust.setTarget({ kind: 'known', url: own.url, accessToken: null, isOwn: true });
      await expect.poll(kept, { timeout: 20_000 }).toContain(`"positions":{"own":${position}}`);
      await own.stop();
    }
    await a.stop();
  });

  it('is not spoken to by a name that cannot be signed', async () => {
    const other = await impostor('c\ud800', {});
    const a = await start('Spectra', other.url);
    got(await a.trust.key.create({ name: 'Spectra', institution: null }));
    await expect.poll(() => a.trust.view().connection.kind, { timeout: 20_000 }).toBe('unreachable');
    await a.stop();
    await other.stop();
  });
});

describe('an agreement between institutions with coordinators of their own', () => {
  it('names the coordinators, and what each serves for the other, under both signatures', async () => {
    const [a, b] = [await connected('North'), await connected('South')];
    const [coordinatorOfA, coordinatorOfB] = [generateSigner().signer.publicKey, generateSigner().signer.publicKey];
    expect(await a.trust.key.nameCoordinator('what the file said')).toMatchObject({ error: { code: 'key-invalid' } });
    expect(a.trust.key.view()?.coordinator).toBeNull();
    got(await a.trust.key.nameCoordinator(` ${coordinatorOfA} `));
    got(await b.trust.key.nameCoordinator(coordinatorOfB));
    expect(a.trust.key.view()?.coordinator?.publicKey).toBe(coordinatorOfA);
    const handshakeId = await handshake(a, b);
    const terms: CallInput<'agreement:offer'>['terms'] = {
      ...TERMS,
      costUnit: 'node-hours',
      costRate: 2,
      federation: { own: null, other: { models: ['tore-tiny'], max_requests_per_minute: 60, data: 'served-whole' } },
    };
    const { agreementId } = got(await a.trust.handshakes.offer({ handshakeId, terms, renews: null }));
    const find = (side: Side): AgreementView | undefined =>
      side.trust.view().agreements.find(({ id }) => id === agreementId);
    await expect.poll(() => find(b)?.standing, { timeout: 20_000 }).toBe('offered');
    got(await b.trust.handshakes.sign(agreementId));
    await expect.poll(() => find(a)?.standing, { timeout: 20_000 }).toBe('in-force');

    // The coordinators take what was exported: it names both, and B serves.
    a.file = join(folder, 'of-both.json');
    got(await a.trust.exportAgreement(agreementId));
    const agreement = JSON.parse(await readFile(a.file, 'utf8')) as Agreement;
    const partyOf = (key: string): string | undefined => partyOfKey(agreement, key)?.name;
    expect([partyOf(coordinatorOfA), partyOf(coordinatorOfB)]).toEqual(['North', 'South']);
    const [idOfA, idOfB] = [a, b].map((side) => side.trust.key.view()?.nodeId ?? '');
    expect(grantOf(agreement, idOfB ?? '')).toMatchObject({ models: ['tore-tiny'], max_requests_per_minute: 60 });
    expect(grantOf(agreement, idOfA ?? '')).toBeNull();
    expect(agreement.terms.resources[0]).toBe('2 GPU hours a week');
    // It can be taken back; then the next handshake names none.
    got(await a.trust.key.nameCoordinator(null));
    expect(a.trust.key.view()?.coordinator).toBeNull();
  });
});

describe('an institution', () => {
  it('turns a stranger away in words, and lets it in by the agreement it shows', async () => {
    const [a, b] = [await connected('Institute'), await connected('Partner')];
    const handshakeId = await handshake(a, b);
    const { agreementId } = got(await a.trust.handshakes.offer({ handshakeId, terms: TERMS, renews: null }));
    const standing = (): string | undefined =>
      b.trust.view().agreements.find((one) => one.id === agreementId)?.standing;
    await expect.poll(standing, { timeout: 20_000 }).toBe('offered');
    got(await b.trust.handshakes.sign(agreementId));

    const institutionKeys = [a.trust.key.view()?.publicKey ?? ''];
    const institution = await startTestCoordinator({ accessPolicy: 'institution', institutionKeys });
    b.trust.setTarget({ kind: 'known', url: institution.url, accessToken: null });
    const policyOf = (): string => {
      const { connection } = b.trust.view();
      return connection.kind === 'connected' ? connection.policy : connection.kind;
    };
    await expect.poll(policyOf, { timeout: 20_000 }).toBe('institution');
    const refused = await b.trust.discovery.search({ limit: 5 });
    expect(refused).toMatchObject({ ok: false, error: { code: 'not-a-member' } });
    expect(!refused.ok && refused.error.message).toContain('under Discovery');
    got(await b.trust.showAgreement(agreementId));
    await expect.poll(policyOf, { timeout: 20_000 }).toBe('institution');
    expect(got(await b.trust.discovery.search({ limit: 5 })).records).toEqual([]);

    // The institution ends it while it is elsewhere; its own door learns of it as soon as it can be reached.
    const effectiveAt = new Date().toISOString();
    got(await a.trust.handshakes.terminate({ agreementId, reason: 'The project ended.', effectiveAt }));
    expect(got(await b.trust.discovery.search({ limit: 5 })).records).toEqual([]);
    a.trust.setTarget({ kind: 'known', url: institution.url, accessToken: null });
    await expect.poll(async () => (await b.trust.discovery.search({ limit: 5 })).ok, { timeout: 20_000 }).toBe(false);
    expect(await b.trust.discovery.search({ limit: 5 })).toMatchObject({ error: { code: 'not-a-member' } });
    // The other party did not hear of it here, but a file tells it; nobody gets in with what has ended.
    expect(standing()).toBe('in-force');
    a.file = join(folder, 'ended.json');
    got(await a.trust.exportTermination(agreementId));
    b.file = a.file;
    expect(got(await b.trust.importAgreement())).toMatchObject({
      standing: 'terminated',
      ended: [{ by: 'Institute', reason: 'The project ended.' }],
    });
    expect(await b.trust.showAgreement(agreementId)).toMatchObject({ error: { code: 'agreement-not-in-force' } });
    await a.stop();
    await b.stop();
    await institution.coordinator.stop();
  });
});

describe('the key of a party', () => {
  it('comes back from its backup and from its words, as the same party', async () => {
    const a = await start('Spectra', null);
    got(await a.trust.key.create({ name: 'Spectra', institution: null }));
    a.file = join(folder, 'backup.json');
    got(await a.trust.backUpKey('four words on paper'));
    const words = got(await a.trust.key.words());
    const secret = JSON.parse(await readFile(join(folder, 'Spectra.json'), 'utf8')) as { secrets: object };
    expect(await readFile(a.file, 'utf8')).not.toContain(JSON.stringify(secret.secrets).slice(40, 80));

    const b = await start('Other', null);
    b.file = a.file;
    expect(await b.trust.restoreKey('four words on papeR')).toMatchObject({ error: { code: 'passphrase-wrong' } });
    expect(b.trust.key.view()).toBeNull();
    got(await b.trust.restoreKey('four words on paper'));
    expect(b.trust.key.view()?.nodeId).toBe(a.trust.key.view()?.nodeId);
    const c = await start('Third', null);
    got(await c.trust.key.restoreWords(words, { name: 'Spectra', institution: null }));
    expect(c.trust.key.view()?.publicKey).toBe(a.trust.key.view()?.publicKey);
    expect(c.trust.key.view()?.nodeId).toBe(a.trust.key.view()?.nodeId);
  });
});
