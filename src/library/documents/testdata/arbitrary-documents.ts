import fc, { type Arbitrary } from 'fast-check';
import { createHash } from 'node:crypto';
import type { ToreDocument } from '../../../protocol/documents/read-document';
import { signAgreement, signDiscoveryRecord, signTurn } from '../../../protocol/signing/sign-document';
import { generateSigner, nodeEd25519 } from '../../../keys/ed25519';

/*
 * Generated documents for property tests: every optional field may be absent, null or there; unknown fields, part types
 * and taxonomy values anywhere; texts with any UTF-16 unit. Built as plain JSON values, not by the program's own writers.
 */

type Json = Record<string, unknown>;

const anyUnit = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
  fc.integer({ min: 0, max: 0xffff }),
);
/** Any text, half surrogate pairs included. */
export const anyText = fc
  .array(anyUnit, { maxLength: 20 })
  .map((units) => units.map((unit) => String.fromCharCode(unit)).join(''));
/** Text that has a canonical form. */
const wholeText = fc.string({ unit: 'binary', maxLength: 20 });

const anyJson = (text: Arbitrary<string>): Arbitrary<unknown> =>
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom(null, true, false),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      text,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toJSON', '1', '')), tie('value'), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    ),
  })).value;

class Builder {
  readonly text: Arbitrary<string>;
  readonly json: Arbitrary<unknown>;

  constructor(text: Arbitrary<string>) {
    this.text = text;
    this.json = anyJson(text);
  }

  /** An object with mandatory fields, optional ones that may be absent or null, and fields nobody knows. */
  object(required: Record<string, Arbitrary<unknown>>, optional: Record<string, Arbitrary<unknown>>): Arbitrary<Json> {
    const nullable = Object.fromEntries(Object.entries(optional).map(([name, value]) => [name, fc.option(value)]));
    const unknown = fc.dictionary(
      this.text.map((name) => `x-${name}`),
      this.json,
      { maxKeys: 2, noNullPrototype: true },
    );
    return fc
      .tuple(fc.record({ ...required, ...nullable }, { requiredKeys: Object.keys(required) }), unknown)
      .map(([known, extra]) => ({ ...extra, ...known }));
  }

  get time(): Arbitrary<string> {
    const form = fc.constantFrom(
      (iso: string) => iso,
      (iso: string) => iso.replace('Z', '+00:00'),
      (iso: string) => iso.replace(/\.\d+Z/, 'z'),
      (iso: string) => iso.replace('Z', '123456-11:30'),
    );
    const day = fc.date({
      min: new Date('1970-01-02T00:00:00Z'),
      max: new Date('2200-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    return fc.tuple(day, form).map(([date, write]) => write(date.toISOString()));
  }

  get count(): Arbitrary<number> {
    return fc.nat();
  }

  get metadata(): Arbitrary<unknown> {
    return fc.dictionary(this.text, this.json, { maxKeys: 3, noNullPrototype: true });
  }

  get model(): Arbitrary<unknown> {
    return fc.oneof(this.text, this.object({ model_id: fc.constantFrom('m', 'a/b') }, { provider: this.text }));
  }

  get attachment(): Arbitrary<Json> {
    const described = { name: this.text, media_type: fc.constantFrom('image/png', 'x/y') };
    const inline = fc.tuple(this.object(described, {}), fc.uint8Array({ maxLength: 40 })).map(([fields, bytes]) => ({
      ...fields,
      storage: 'inline',
      size_bytes: bytes.length,
      checksum: { algorithm: 'sha-256', value: createHash('sha256').update(bytes).digest('hex') },
      data: Buffer.from(bytes).toString('base64'),
    }));
    const reference = this.object(
      { ...described, size_bytes: this.count, uri: fc.constantFrom('https://example.org/a', 'a.png') },
      {},
    ).map((fields) => ({
      ...fields,
      storage: 'reference',
      checksum: { algorithm: 'sha-256', value: 'ab'.repeat(32) },
    }));
    return fc.oneof(inline, reference);
  }

  get attachments(): Arbitrary<Json[]> {
    return fc
      .array(this.attachment, { maxLength: 3 })
      .map((entries) => entries.map((entry, index) => ({ ...entry, id: `a-${index}` })));
  }

  get part(): Arbitrary<Json> {
    const { text, json, count, metadata } = this;
    const of = (
      type: string,
      required: Record<string, Arbitrary<unknown>>,
      optional: Record<string, Arbitrary<unknown>>,
    ) => this.object({ type: fc.constant(type), ...required }, { ...optional, metadata });
    return fc.oneof(
      of('text', { text }, { format: text }),
      of('code', { code: text }, { language: text, name: text }),
      of('image', {}, { attachment_id: fc.constant('a-0'), uri: fc.constant('sediment://x'), alt: text, width: count }),
      of('file', {}, { attachment_id: fc.constant('a-1'), name: text, size_bytes: count, extracted_text: text }),
      of('tool_call', { name: text, arguments: json }, { call_id: fc.constant('c-1') }),
      of('tool_result', { output: json }, { call_id: fc.constant('c-1'), is_error: fc.boolean() }),
      of('thinking', { text }, { summary: text, duration_ms: count }),
      of('citation', {}, { title: text, text, part_index: count, start: count, end: count }),
      this.object({ type: text.map((name) => `x-${name}`) }, { text: json }),
    );
  }

  get content(): Arbitrary<Json[]> {
    return fc.array(this.part, { maxLength: 3 });
  }

  get conversation(): Arbitrary<Json> {
    const participants = fc
      .array(
        this.object(
          { role: fc.constantFrom('human', 'model', 'system', 'tool') },
          { name: this.text, model: this.model },
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((entries) => entries.map((entry, index) => ({ ...entry, id: `p-${index}` })));
    const message = fc.tuple(
      this.object(
        { content: this.content },
        {
          created_at: this.time,
          model: this.model,
          usage: this.object({}, { input_tokens: this.count, output_tokens: this.count }),
          metadata: this.metadata,
        },
      ),
      fc.option(fc.nat()),
      fc.nat(),
    );
    const head = this.object(
      {
        tore_spec: fc.constant('tore-0005'),
        id: fc.uuid(),
        title: this.text,
        created_at: this.time,
        updated_at: this.time,
        source: this.object(
          { platform: this.text },
          { model: this.model, original_id: this.text, exported_at: this.time },
        ),
      },
      {
        attachments: this.attachments,
        handoff: this.object(
          {
            from: this.object({ platform: this.text }, { model: this.model }),
            reason: this.text,
            needs: fc.array(this.text, { maxLength: 2 }),
            created_at: this.time,
          },
          { to: this.object({ platform: this.text }, {}), note: this.text },
        ),
        metadata: this.metadata,
      },
    );
    return fc
      .tuple(head, participants, fc.array(message, { maxLength: 6 }), fc.option(fc.nat()), fc.boolean())
      .map(([fields, people, entries, shown, backwards]) => {
        const messages = entries.map(([entry, parent, speaker], index) => ({
          ...entry,
          id: `m-${index}`,
          participant_id: `p-${speaker % people.length}`,
          ...(index === 0 ? {} : { parent_id: parent === null ? null : `m-${parent % index}` }),
        }));
        const shownHead = messages.length === 0 || shown === null ? {} : { head: `m-${shown % messages.length}` };
        return {
          ...fields,
          ...shownHead,
          participants: people,
          messages: backwards ? messages.toReversed() : messages,
        };
      });
  }

  get session(): Arbitrary<Json> {
    const cost = this.object(
      {
        amount: fc.nat().map((microGft) => microGft / 1_000_000),
        unit: fc.constantFrom('GFT', 'hours'),
        model_id: this.text,
        coordinator_id: fc.constant('c'),
        input_tokens: this.count,
        output_tokens: this.count,
        ledger_ref: fc.constant('l-1'),
        confirmed_at: this.time,
      },
      {},
    );
    const turn = this.object(
      { author: fc.constantFrom('human', 'model'), created_at: this.time, content: this.content },
      { inference_cost: cost },
    );
    const fields = this.object(
      {
        tore_spec: fc.constant('tore-0003'),
        id: fc.uuid(),
        title: this.text,
        mode: fc.constantFrom('async', 'live'),
        status: fc.constantFrom('open', 'closed'),
        host: this.object({ coordinator_id: fc.constant('c'), url: fc.constant('https://example.org') }, {}),
        created_at: this.time,
        updated_at: this.time,
      },
      { agreement_ref: fc.uuid(), metadata: this.metadata },
    );
    const participant = this.object(
      {
        id: fc.constant('p-0'),
        display_name: this.text,
        platform: this.text,
        role: fc.constantFrom('owner', 'member', 'observer'),
        joined_at: this.time,
      },
      { model: this.object({ provider: this.text, model_id: this.text }, {}) },
    );
    return fc.tuple(fields, participant, fc.array(turn, { maxLength: 4 })).map(([head, person, turns]) => ({
      ...head,
      participants: [person],
      turns: turns.map((entry, index) => ({ ...entry, id: `t-${index}`, seq: index + 1, participant_id: 'p-0' })),
    }));
  }

  get project(): Arbitrary<Json> {
    const reference = this.object(
      { ref: fc.constant('c.tore5.json'), checksum: fc.constant({ algorithm: 'sha-256', value: 'cd'.repeat(32) }) },
      {},
    );
    const blocks = fc
      .array(this.object({ content: this.text, order: this.count }, { title: this.text }), { maxLength: 3 })
      .map((entries) => entries.map((entry, index) => ({ ...entry, id: `i-${index}` })));
    const unique = (entries: Json[]): Json[] => [
      ...new Map(entries.map((entry) => [entry['id'] ?? entry, entry])).values(),
    ];
    return this.object(
      {
        tore_spec: fc.constant('tore-0004'),
        id: fc.uuid(),
        name: this.text,
        instructions: fc.oneof(this.text, blocks),
        conversations: fc.array(fc.oneof(this.conversation, reference), { maxLength: 2 }).map(unique),
        attachments: this.attachments,
        created_at: this.time,
        updated_at: this.time,
      },
      {
        description: this.text,
        sessions: fc.array(this.session, { maxLength: 1 }),
        metadata: this.object({}, { agreement_ref: fc.uuid() }),
      },
    );
  }
}

const anyBuilder = new Builder(anyText);
const wholeBuilder = new Builder(wholeText);

/** Documents that nobody signs; their texts may have no canonical form. */
export const unsignedDocument: Arbitrary<Json> = fc.oneof(
  anyBuilder.conversation,
  anyBuilder.session,
  anyBuilder.project,
);

const first = generateSigner().signer;
const second = generateSigner().signer;

function must<Value>(result: { ok: true; value: Value } | { ok: false; error: { message: string } }): Value {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const expiry = { issued_at: '2026-01-01T00:00:00Z', expires_at: '2026-02-01T00:00:00Z' };

/** A signed discovery record, a signed agreement, a session with one signed turn. */
export const signedDocument: Arbitrary<ToreDocument> = fc.oneof(
  wholeBuilder
    .object(
      {
        capabilities: fc.array(
          wholeBuilder.object(
            { domain: fc.constantFrom('code', 'x y'), subdomain: fc.constant('z') },
            { description: wholeText },
          ),
          { maxLength: 2 },
        ),
      },
      { metadata: wholeBuilder.metadata, availability: wholeBuilder.json },
    )
    .map((fields): ToreDocument => {
      const record = {
        ...fields,
        tore_spec: 'tore-0002' as const,
        type: 'discovery' as const,
        id: 'd',
        node: { node_id: 'n', public_key: first.publicKey },
        capabilities: fields['capabilities'] as [],
        endpoints: [{ transport: 'http', url: 'https://example.org' }],
        governance_mode: 'voluntary' as const,
        challenge_policy: { accepts: true, quota: { count: 1, window_seconds: 60 } },
        ...expiry,
      };
      return { kind: 'discovery', document: must(signDiscoveryRecord(record, first, nodeEd25519)) };
    }),
  wholeBuilder.object({ purpose: wholeText }, { metadata: wholeBuilder.metadata }).map((fields): ToreDocument => {
    const agreement = {
      ...fields,
      tore_spec: 'tore-0002' as const,
      type: 'agreement' as const,
      id: 'g',
      parties: [first, second].map((signer, index) => ({
        node_id: `n-${index}`,
        public_key: signer.publicKey,
        name: 'N',
      })),
      governance_mode: 'voluntary' as const,
      handshake_ref: null,
      evidence: [],
      terms: {
        purpose: String(fields['purpose']),
        resources: ['gpu', { hours: 3 }],
        cost: { unit: 'GFT', rate: 0.25 },
        data_handling: 'None leaves.',
        effective_at: expiry.issued_at,
        expires_at: expiry.expires_at,
        termination: 'Any time.',
      },
      status: 'active' as const,
      signatures: [],
    };
    const once = must(signAgreement(agreement, first, nodeEd25519));
    return { kind: 'agreement', document: must(signAgreement(once, second, nodeEd25519)) };
  }),
  wholeBuilder.content.map((content): ToreDocument => {
    const participant = {
      id: 'p',
      display_name: 'P',
      platform: 'x',
      role: 'owner' as const,
      public_key: first.publicKey,
      joined_at: expiry.issued_at,
    };
    const turn = {
      id: 't',
      seq: 1,
      participant_id: 'p',
      author: 'human' as const,
      created_at: expiry.issued_at,
      content: content as [],
    };
    return {
      kind: 'session',
      document: {
        tore_spec: 'tore-0003',
        id: 's',
        title: 'S',
        mode: 'async',
        status: 'open',
        host: { coordinator_id: 'c', url: 'https://example.org' },
        created_at: expiry.issued_at,
        updated_at: expiry.issued_at,
        participants: [participant],
        turns: [must(signTurn(turn, participant, first, nodeEd25519))],
      },
    };
  }),
);
