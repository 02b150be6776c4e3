import fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { validateDocument, type ToreDocument } from '../../protocol/documents/read-document';
import { signAgreement, signDiscoveryRecord, signSession } from '../../protocol/signing/sign-document';
import { verifyAgreement, verifyDiscoveryRecord, verifySession } from '../../protocol/signing/verify-document';
import { generateSigner, nodeEd25519, openSigner } from '../../keys/ed25519';
import { signedDocument } from './testdata/arbitrary-documents';

function isVerified(value: unknown): boolean {
  const read = validateDocument(value);
  if (!read.ok) return false;
  if (read.value.kind === 'discovery') return verifyDiscoveryRecord(read.value.document, nodeEd25519).ok;
  if (read.value.kind === 'agreement') return verifyAgreement(read.value.document, nodeEd25519).ok;
  return read.value.kind === 'session' && verifySession(read.value.document, nodeEd25519).ok;
}

type Steps = readonly (string | number)[];

function* placesIn(value: unknown, steps: Steps = []): Generator<Steps> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, entry] of Object.entries(value)) {
    yield [...steps, name];
    yield* placesIn(entry, [...steps, name]);
  }
}

function changed(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('A') ? `B${value.slice(1)}` : `A${value.slice(1)}`;
  if (typeof value === 'number') return value === 0 ? 1 : -value;
  if (typeof value === 'boolean') return !value;
  if (value === null) return 'x';
  return Array.isArray(value) ? [...value, 'x'] : { ...value, 'x-added': 1 };
}

function edited(document: object, steps: Steps, edit: 'change' | 'remove'): unknown {
  const copy: unknown = structuredClone(document);
  let at = copy as Record<string | number, unknown>;
  for (const step of steps.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  const last = steps.at(-1) ?? '';
  if (edit === 'change') Object.defineProperty(at, last, { value: changed(at[last]), enumerable: true });
  else if (Array.isArray(at)) at.splice(Number(last), 1);
  else delete at[last];
  return copy;
}

/** What a signature covers: all of a record or an agreement, each signed turn of a session. */
function signedPlaces({ kind, document }: ToreDocument): Steps[] {
  const places = [...placesIn(document)].filter(
    // Additions beside `alg`, `key_id` and `value` change nothing that is signed or used.
    (steps) => !(steps.at(-1) === 'signature' || (steps.at(-2) === 'signatures' && steps.length === 2)),
  );
  return kind === 'session' ? places.filter((steps) => steps[0] === 'turns' && steps.length > 2) : places;
}

describe('signatures', () => {
  it('hold for what was signed, and break with any change of any field', () => {
    fc.assert(
      fc.property(signedDocument, (signed) => {
        expect(isVerified(signed.document)).toBe(true);
        for (const steps of signedPlaces(signed)) {
          for (const edit of ['change', 'remove'] as const) {
            if (isVerified(edited(signed.document, steps, edit))) {
              throw new Error(`${edit} at ${steps.join('/')} of a ${signed.kind} goes unnoticed`);
            }
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it('break with an added field', () => {
    fc.assert(
      fc.property(signedDocument, ({ kind, document }) => {
        const added =
          kind === 'session'
            ? { ...document, turns: document.turns.map((turn) => ({ ...turn, later: 1 })) }
            : { ...document, later: 1 };
        expect(isVerified(added)).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  it('are not made with the key of somebody else', () => {
    const stranger = generateSigner().signer;
    fc.assert(
      fc.property(signedDocument, ({ kind, document }) => {
        if (kind === 'discovery') {
          expect(signDiscoveryRecord(document, stranger, nodeEd25519)).toMatchObject({
            error: { code: 'not-a-party' },
          });
        } else if (kind === 'agreement') {
          expect(signAgreement(document, stranger, nodeEd25519)).toMatchObject({ error: { code: 'not-a-party' } });
        } else if (kind === 'session') {
          expect(signSession(document, stranger, nodeEd25519)).toMatchObject({ error: { code: 'not-a-party' } });
        }
      }),
      { numRuns: 10 },
    );
  });
});

describe('keys', () => {
  it('survive the way through PEM', () => {
    const { signer, pem } = generateSigner();
    const opened = openSigner(pem);
    if (!opened.ok) throw new Error(opened.error.message);
    expect(opened.value.publicKey).toBe(signer.publicKey);
    expect(nodeEd25519.verify(signer.publicKey, 'text', opened.value.sign('text'))).toBe(true);
  });

  it('sign as RFC 8032 says (test 1: the empty text)', () => {
    const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
    const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex').toString('base64');
    const opened = openSigner(`-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`);
    if (!opened.ok) throw new Error(opened.error.message);
    expect(Buffer.from(opened.value.publicKey, 'base64').toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
    expect(Buffer.from(opened.value.sign(''), 'base64').toString('hex')).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
  });

  it('of other kinds are refused', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(openSigner(pem)).toMatchObject({ ok: false, error: { code: 'key-unreadable' } });
    expect(openSigner('not a key')).toMatchObject({ ok: false, error: { code: 'key-unreadable' } });
  });
});
