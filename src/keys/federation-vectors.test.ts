import { Compile } from 'typebox/compile';
import { createCipheriv } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { countFlops } from '../protocol/compute/flops';
import { spentMicroGft } from '../protocol/compute/formulas';
import { toWireGft } from '../protocol/compute/micro-gft';
import { microAmount } from '../protocol/federation/grant';
import { greetingTranscript, linkProofText, type Introduction } from '../protocol/federation/greeting';
import { FederationMessage } from '../protocol/federation/messages';
import { readReceipt, readSettlement, signReceipt, signSettlement } from '../protocol/federation/settlement';
import {
  checkStatementAgreement,
  readFederationStatement,
  signFederationStatement,
  statementOf,
} from '../protocol/federation/statement';
import {
  credentialProblem,
  readCostConfirmation,
  readCredential,
  signCostConfirmation,
  signCredential,
} from '../protocol/federation/session-credential';
import { signAgreement, signTurn } from '../protocol/signing/sign-document';
import type { Agreement } from '../protocol/trust/agreement';
import { agreementHash } from '../protocol/trust/termination';
import { decodeActivationFrame, encodeActivationFrame } from '../protocol/wire/activation-frame';
import { nodeCryptography as cryptography, signerOfSeed } from './ed25519';
import { ephemeralKey, linkKey } from './link-keys';
import { frameOpener, frameSealer } from './sealed-frames';
import { testParty } from './testing/test-party';

const FILE = 'schemas/vectors/federation/link.json';
const A = { party: testParty(1, 'A'), coordinator: 11, ephemeral: 21, nonce: 31 };
const B = { party: testParty(2, 'B'), coordinator: 12, ephemeral: 22, nonce: 32 };
const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const signerOf = (side: typeof A) => signerOfSeed(seedOf(side.coordinator));

function agreementOfBoth(): Agreement {
  const sides = [A, B];
  let agreement: Agreement = {
    tore_spec: 'tore-0002',
    type: 'agreement',
    id: '01957000-0000-7000-8000-0000000000f0',
    parties: sides.map(({ party }) => ({
      node_id: party.nodeId,
      public_key: party.signer.publicKey,
      name: party.name,
    })),
    governance_mode: 'institution',
    handshake_ref: null,
    evidence: [],
    terms: {
      purpose: 'Answer each other with the own models.',
      resources: [
        {
          kind: 'federation',
          served_by: B.party.nodeId,
          models: ['org/model-of-b'],
          hours: { from: '18:00', to: '08:00' },
          max_requests_per_minute: 60,
          max_amount: 500,
        },
      ],
      cost: { unit: 'node-hours', rate: 2 },
      data_handling: 'Nothing is kept.',
      effective_at: '2026-01-01T00:00:00.000Z',
      expires_at: '2027-01-01T00:00:00.000Z',
      termination: 'Any time.',
    },
    status: 'active',
    metadata: { member_keys: Object.fromEntries(sides.map((side) => [side.party.nodeId, [signerOf(side).publicKey]])) },
    signatures: [],
  };
  for (const { party } of sides) {
    const signed = signAgreement(agreement, party.signer, cryptography);
    if (!signed.ok) throw new Error(signed.error.message);
    agreement = signed.value;
  }
  return agreement;
}

const HOP_ID = '01957000-0000-7000-8000-0000000000d1';
const HOP = { layers: { layer_start: 2, layer_end: 5 }, positions: 45, tokens: 0, precision: 'fp16' } as const;
const SHAPE = {
  layers: 8,
  hidden_size: 8,
  feed_forward_size: 16,
  attention_heads: 2,
  key_value_heads: 1,
  head_size: 4,
  vocabulary_size: 300,
  context_length: 128,
};

/** A hop of the dialer's pipeline: how it is opened, its first activation, and what it comes to at two node-hours for a GFT. */
function hopOf(seal: (frame: Uint8Array) => Uint8Array, agreementId: string) {
  const texts = [
    JSON.stringify({
      type: 'hop-open',
      hop_id: HOP_ID,
      offer_id: '01957000-0000-7000-8000-0000000000d2',
      activation_dtype: 'f16',
      max_positions: 64,
      max_new_tokens: 34,
      sequence: 3,
    }),
    JSON.stringify({ type: 'hop-begin', hop_id: HOP_ID, positions: 46, sequence: 4 }),
  ];
  const activation = encodeActivationFrame({
    requestId: HOP_ID,
    hop: 0,
    step: 1,
    purpose: 'sample',
    position: 0,
    positions: 2,
    hiddenSize: SHAPE.hidden_size,
    dtype: 'f16',
    values: Float32Array.from({ length: 2 * SHAPE.hidden_size }, (_, index) => index / 4 - 2),
  });
  const flops = countFlops(SHAPE, HOP.layers, HOP.positions, 0, HOP.tokens);
  const amount = toWireGft(microAmount(spentMicroGft(flops, HOP.precision), { unit: 'node-hours', rate: 2 }));
  const settlement = signSettlement(
    {
      agreement_id: agreementId,
      request_id: HOP_ID,
      served_by: signerOf(B).publicKey,
      served_for: signerOf(A).publicKey,
      model_id: 'org/model-of-b',
      precision: HOP.precision,
      layers: HOP.layers,
      input_tokens: HOP.positions,
      output_tokens: HOP.tokens,
      finish_reason: 'stop',
      amount,
      unit: 'node-hours',
      settled_at: '2026-03-01T21:00:00.000Z',
      server_ref: '01957000-0000-7000-8000-0000000000d3',
    },
    signerOf(B),
    cryptography,
  );
  return {
    messages: texts.map((text) => ({ text, sealed: base64(seal(Buffer.from(text, 'utf8'))) })),
    activation: { frame: base64(activation), sealed: base64(seal(activation)) },
    shape: SHAPE,
    flops,
    settlement,
  };
}

function buildVectors() {
  const agreement = agreementOfBoth();
  const hash = agreementHash(agreement, cryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  const introductionOf = (side: typeof A): Introduction => ({
    public_key: signerOf(side).publicKey,
    nonce: base64(seedOf(side.nonce)),
    ephemeral_key: ephemeralKey(seedOf(side.ephemeral)).publicKey,
    agreement_id: agreement.id,
    agreement_hash: hash.value,
  });
  const [dialer, listener] = [introductionOf(A), introductionOf(B)];
  const transcript = greetingTranscript(dialer, listener);
  const shared = ephemeralKey(seedOf(A.ephemeral)).agree(listener.ephemeral_key);
  if (shared === null) throw new Error('two keys agree');
  const keys = { dialer: linkKey(shared, transcript, 'dialer'), listener: linkKey(shared, transcript, 'listener') };
  const texts = [
    JSON.stringify({ type: 'ready', name: 'A', agreement_id: agreement.id, sequence: 1 }),
    JSON.stringify({ type: 'request-cancel', request_id: '01957000-0000-7000-8000-0000000000a1', sequence: 2 }),
  ];
  const seal = frameSealer(keys.dialer);
  const frames = texts.map((text) => ({ text, sealed: base64(seal(Buffer.from(text, 'utf8'))) }));
  const hop = hopOf(seal, agreement.id);
  const settlement = signSettlement(
    {
      agreement_id: agreement.id,
      request_id: '01957000-0000-7000-8000-0000000000a1',
      served_by: signerOf(B).publicKey,
      served_for: signerOf(A).publicKey,
      model_id: 'org/model-of-b',
      precision: 'fp16',
      input_tokens: 12,
      output_tokens: 34,
      finish_reason: 'stop',
      amount: 0.25,
      unit: 'node-hours',
      settled_at: '2026-03-01T20:00:00.000Z',
      server_ref: '01957000-0000-7000-8000-0000000000b1',
    },
    signerOf(B),
    cryptography,
  );
  const receipt = signReceipt(
    {
      agreement_id: agreement.id,
      request_id: settlement.request_id,
      served_by: settlement.served_by,
      served_for: settlement.served_for,
      server_ref: settlement.server_ref,
      consumer_ref: '01957000-0000-7000-8000-0000000000c1',
      booked_at: '2026-03-01T20:00:01.000Z',
    },
    signerOf(A),
    cryptography,
  );
  const draft = statementOf(
    {
      id: '01957000-0000-7000-8000-0000000000e1',
      agreement_id: agreement.id,
      agreement_hash: hash.value,
      coordinators: [signerOf(A).publicKey, signerOf(B).publicKey],
      unit: 'node-hours',
      from: '2026-03-01T00:00:00.000Z',
      to: '2026-03-02T00:00:00.000Z',
      issued_at: '2026-03-02T00:02:00.000Z',
    },
    [
      {
        request_id: settlement.request_id,
        served_by: settlement.served_by,
        model_id: settlement.model_id,
        input_tokens: settlement.input_tokens,
        output_tokens: settlement.output_tokens,
        amount: settlement.amount,
        settled_at: settlement.settled_at,
        server_ref: settlement.server_ref,
        consumer_ref: receipt.consumer_ref,
      },
      {
        request_id: HOP_ID,
        served_by: hop.settlement.served_by,
        model_id: hop.settlement.model_id,
        layers: HOP.layers,
        input_tokens: HOP.positions,
        output_tokens: HOP.tokens,
        amount: hop.settlement.amount,
        settled_at: hop.settlement.settled_at,
        server_ref: hop.settlement.server_ref,
        consumer_ref: '01957000-0000-7000-8000-0000000000c2',
      },
    ],
  );
  const statement = signFederationStatement(
    signFederationStatement(draft, signerOf(A), cryptography),
    signerOf(B),
    cryptography,
  );
  const guest = testParty(3, 'Guest').signer;
  const sessionId = '01957000-0000-7000-8000-0000000000d1';
  const credential = signCredential(
    {
      agreement_id: agreement.id,
      session_id: sessionId,
      issued_by: signerOf(A).publicKey,
      public_key: guest.publicKey,
      display_name: 'Guest',
      issued_at: '2026-03-01T20:00:00.000Z',
      expires_at: '2026-03-01T20:30:00.000Z',
    },
    signerOf(A),
    cryptography,
  );
  const participant = { id: '01957000-0000-7000-8000-0000000000d2', public_key: guest.publicKey };
  const cost = {
    amount: 0.5,
    unit: 'node-hours',
    model_id: 'org/model-of-b',
    coordinator_id: 'coordinator-of-a',
    input_tokens: 12,
    output_tokens: 34,
    ledger_ref: '01957000-0000-7000-8000-0000000000d3',
    confirmed_at: '2026-03-01T20:00:02.000Z',
  };
  const turn = signTurn(
    {
      id: '01957000-0000-7000-8000-0000000000d4',
      participant_id: participant.id,
      session_id: sessionId,
      author: 'model' as const,
      created_at: '2026-03-01T20:00:03.000Z',
      content: [{ type: 'text' as const, text: 'A shard is a range of layers.' }],
      inference_cost: cost,
    },
    participant,
    guest,
    cryptography,
  );
  if (!turn.ok) throw new Error(turn.error.message);
  const { amount: _amount, unit: _unit, ...booked } = cost;
  const confirmation = signCostConfirmation(
    {
      agreement_id: agreement.id,
      session_id: sessionId,
      turn_id: turn.value.id,
      issued_by: signerOf(A).publicKey,
      public_key: guest.publicKey,
      ...booked,
      gft: 0.25,
      entry_hash: 'e'.repeat(64),
    },
    signerOf(A),
    cryptography,
  );
  const numbered = { ...turn.value, seq: 7 };
  /** Home coordinator A and host B, in the order they are sent; the numbers of the link are left out. */
  const sessions = [
    { from: 'home', message: { type: 'session-vouch', session_id: sessionId, credential } },
    {
      from: 'home',
      message: {
        type: 'session-call',
        call_id: 1,
        public_key: guest.publicKey,
        call: { type: 'session-post', session_id: sessionId, turn: turn.value },
        confirmation,
      },
    },
    {
      from: 'host',
      message: {
        type: 'session-told',
        session_id: sessionId,
        public_keys: [guest.publicKey],
        event: { type: 'session-turns', session_id: sessionId, turns: [numbered] },
      },
    },
    { from: 'host', message: { type: 'session-reply', call_id: 1, result: { ok: true, value: { seq: 7 } } } },
    { from: 'host', message: { type: 'session-behind', session_id: sessionId } },
  ];
  return {
    seeds: {
      coordinators: { dialer: base64(seedOf(A.coordinator)), listener: base64(seedOf(B.coordinator)) },
      ephemeral: { dialer: base64(seedOf(A.ephemeral)), listener: base64(seedOf(B.ephemeral)) },
    },
    agreement,
    greeting: {
      hello: { type: 'hello', protocol: 'tore.v1.federation', ...dialer },
      welcome: {
        type: 'welcome',
        ...listener,
        signature: signerOf(B).sign(linkProofText(transcript, 'listener')),
      },
      proof: { type: 'proof', signature: signerOf(A).sign(linkProofText(transcript, 'dialer')) },
      transcript,
    },
    shared_secret: base64(shared),
    keys: { dialer: base64(keys.dialer), listener: base64(keys.listener) },
    /** Of the dialer, in order: base64 of each whole frame. */
    frames,
    /** The frames that follow: two messages of a hop and its first activation; then what the hop came to. */
    hop,
    settlement,
    receipt,
    statement,
    session_credential: credential,
    session_messages: sessions,
  };
}

it('publishes vectors of a link that are what this program does, and that hold', () => {
  const built = JSON.parse(JSON.stringify(buildVectors())) as ReturnType<typeof buildVectors>;
  if (process.env['TORE_WRITE_VECTORS'] === '1' || !existsSync(FILE)) {
    writeFileSync(FILE, `${JSON.stringify(built, null, 2)}\n`);
  }
  const published = JSON.parse(readFileSync(FILE, 'utf8')) as typeof built;
  expect(published).toEqual(built);

  // The listener comes to the same secret from its own half, and opens the frames in their order and in no other.
  const { hello, welcome, proof, transcript } = published.greeting;
  const ofListener = ephemeralKey(Buffer.from(published.seeds.ephemeral.listener, 'base64'));
  expect(base64(ofListener.agree(hello.ephemeral_key) ?? new Uint8Array())).toBe(published.shared_secret);
  expect(cryptography.verify(hello.public_key, `${transcript}\ndialer`, proof.signature)).toBe(true);
  expect(cryptography.verify(welcome.public_key, `${transcript}\nlistener`, welcome.signature)).toBe(true);
  expect(cryptography.verify(welcome.public_key, `${transcript}\ndialer`, welcome.signature)).toBe(false);
  const key = Buffer.from(published.keys.dialer, 'base64');
  const open = frameOpener(key);
  const frames = published.frames.map(({ sealed }) => Buffer.from(sealed, 'base64'));
  expect(frames.map((frame) => open(frame)?.toString('utf8'))).toEqual(published.frames.map(({ text }) => text));
  expect(frameOpener(key)(frames[1] ?? Buffer.alloc(0))).toBeNull();
  const { hop } = published;
  for (const { text: said, sealed } of hop.messages) {
    expect(open(Buffer.from(sealed, 'base64'))?.toString('utf8')).toBe(said);
    expect(Compile(FederationMessage).Check(JSON.parse(said))).toBe(true);
  }
  const activation = open(Buffer.from(hop.activation.sealed, 'base64'));
  expect(activation?.toString('base64')).toBe(hop.activation.frame);
  // What tells an activation from a message.
  expect(activation?.subarray(0, 4).toString('latin1')).toBe('TORE');
  expect(decodeActivationFrame(activation ?? new Uint8Array())).toMatchObject({
    ok: true,
    value: { requestId: HOP_ID, step: 1, position: 0, positions: 2, hiddenSize: 8, dtype: 'f16' },
  });
  // What the description says, without the program: the second frame under number 1.
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from('000000000000000000000001', 'hex'));
  const text = Buffer.concat([cipher.update(published.frames[1]?.text ?? '', 'utf8'), cipher.final()]);
  expect(Buffer.concat([text, cipher.getAuthTag()]).equals(frames[1] ?? Buffer.alloc(0))).toBe(true);

  expect(readSettlement(published.settlement, cryptography).ok).toBe(true);
  expect(readSettlement({ ...published.settlement, amount: 0.24 }, cryptography).ok).toBe(false);
  expect(readSettlement(hop.settlement, cryptography).ok).toBe(true);
  const { layers: _layers, ...withoutLayers } = hop.settlement;
  expect(readSettlement(withoutLayers, cryptography).ok).toBe(false);
  // Two node-hours for a GFT, half a GFT for a GFLOP at fp16: as many node-hours as GFLOPs.
  expect(hop.settlement.amount).toBe(Number((hop.flops / 1e9).toFixed(6)));
  expect(readReceipt(published.receipt, cryptography).ok).toBe(true);
  const read = readFederationStatement(published.statement, cryptography);
  expect(read.ok && read.value.signedBy).toHaveLength(2);
  expect(checkStatementAgreement(published.statement, published.agreement, cryptography).ok).toBe(true);
});

it('publishes wrapped messages of sessions that a link takes, under a credential that holds for half an hour', () => {
  const published = JSON.parse(readFileSync(FILE, 'utf8')) as ReturnType<typeof buildVectors>;
  for (const [index, { message }] of published.session_messages.entries()) {
    expect(Value.Check(FederationMessage, { ...message, sequence: index + 1 })).toBe(true);
  }
  const credential = readCredential(published.session_credential, cryptography);
  if (!credential.ok) throw new Error(credential.error.message);
  const problemAt = (time: string): unknown =>
    credentialProblem(credential.value, {
      issuedBy: signerOf(A).publicKey,
      sessionId: credential.value.session_id,
      agreementProblem: (id) => (id === published.agreement.id ? null : 'unknown'),
      nowMs: Date.parse(time),
    })?.code ?? null;
  expect(['2026-03-01T20:29:59.000Z', '2026-03-01T20:30:00.000Z'].map(problemAt)).toEqual([null, 'credential-expired']);
  expect(readCredential({ ...published.session_credential, display_name: 'Another' }, cryptography).ok).toBe(false);
  const confirmation = published.session_messages[1]?.message.confirmation;
  expect(readCostConfirmation(confirmation, cryptography).ok).toBe(true);
});

it('gives no secret for a public key of small order', () => {
  expect(ephemeralKey().agree(base64(new Uint8Array(32)))).toBeNull();
  expect(ephemeralKey().agree('AAAA')).toBeNull();
});
