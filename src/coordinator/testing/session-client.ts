import canonicalize from 'canonicalize';
import { createHash, sign } from 'node:crypto';
import { v7 } from 'uuid';
import { newTestKey, WsNode, type TestKey } from './ws-node';

type Json = Record<string, unknown>;

/** The cost of a turn as the reply to a request has it. */
export function costOf(outcome: Json, coordinatorId: string, more: Json = {}): Json {
  return {
    amount: outcome['gft_deducted'],
    unit: 'GFT',
    model_id: outcome['model_id'],
    coordinator_id: coordinatorId,
    input_tokens: outcome['input_tokens'],
    output_tokens: outcome['tokens'],
    ledger_ref: outcome['ledger_ref'],
    confirmed_at: outcome['confirmed_at'],
    ...more,
  };
}

/** A participant of group sessions over a raw socket, written from the message table; it shares no code with the host. */
export class SessionClient {
  participantId = '';

  private constructor(
    readonly socket: WsNode,
    readonly key: TestKey,
    readonly name: string,
  ) {}

  static async connect(
    url: string,
    name: string,
    key: TestKey = newTestKey(),
    headers: Record<string, string> = {},
  ): Promise<SessionClient> {
    return new SessionClient(await WsNode.connect(url, key, { purpose: 'participant', headers }), key, name);
  }

  get me(): Json {
    return { display_name: this.name, platform: 'test', model: null };
  }

  async call(message: Json): Promise<Json> {
    return this.socket.call(message);
  }

  /** The value of a call that has to succeed. */
  async ask(message: Json): Promise<Json> {
    const reply = await this.call(message);
    if (reply['ok'] !== true) throw new Error(JSON.stringify(reply['error']));
    const value = reply['value'] as Json;
    if (value !== null && typeof value['participant_id'] === 'string') this.participantId = value['participant_id'];
    return value;
  }

  /** The code a call is refused with, null when it is not. */
  async refusal(message: Json): Promise<string | null> {
    const reply = await this.call(message);
    return reply['ok'] === true ? null : String((reply['error'] as Json)['code']);
  }

  async create(more: Json = {}): Promise<string> {
    const sessionId = v7();
    await this.ask({
      type: 'session-create',
      session_id: sessionId,
      title: 'Assay',
      mode: 'live',
      me: this.me,
      ...more,
    });
    return sessionId;
  }

  async invite(sessionId: string, role = 'member', more: Json = {}): Promise<string> {
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const made = await this.ask({
      type: 'session-invite',
      session_id: sessionId,
      role,
      uses: 10,
      expires_at: expires,
      ...more,
    });
    return String(made['code']);
  }

  join(sessionId: string, code?: string): Promise<Json> {
    return this.ask({
      type: 'session-join',
      session_id: sessionId,
      me: this.me,
      ...(code === undefined ? {} : { code }),
    });
  }

  /** A signed turn, ready to be posted. */
  turn(sessionId: string, text: string, more: Json = {}): Json {
    const turn = {
      id: v7(),
      participant_id: this.participantId,
      session_id: sessionId,
      author: 'human',
      created_at: new Date().toISOString(),
      content: [{ type: 'text', text }],
      ...more,
    };
    return this.signed(turn);
  }

  signed(turn: Json): Json {
    const { inference_cost: _cost, signature: _signature, ...covered } = turn;
    const text = canonicalize(covered) ?? '';
    const keyId = createHash('sha256').update(Buffer.from(this.key.publicKey, 'base64')).digest('hex').slice(0, 16);
    return { ...turn, signature: { alg: 'Ed25519', key_id: keyId, value: this.sign(text) } };
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text, 'utf8'), this.key.privateKey).toString('base64');
  }

  async post(sessionId: string, turn: Json): Promise<number> {
    return Number((await this.ask({ type: 'session-post', session_id: sessionId, turn }))['seq']);
  }

  /** Texts of the turns after a number, read page by page. */
  async read(sessionId: string, afterSeq = 0): Promise<{ seq: number; id: string; text: string }[]> {
    const found: { seq: number; id: string; text: string }[] = [];
    for (;;) {
      const from = found.at(-1)?.seq ?? afterSeq;
      const page = await this.ask({ type: 'session-read', session_id: sessionId, after_seq: from });
      const turns = page['turns'] as Json[];
      if (turns.length === 0) return found;
      for (const turn of turns) {
        const [part] = turn['content'] as { text: string }[];
        found.push({ seq: Number(turn['seq']), id: String(turn['id']), text: part?.text ?? '' });
      }
    }
  }

  drop(): void {
    this.socket.drop();
  }
}
