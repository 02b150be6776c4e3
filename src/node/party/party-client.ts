import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { DiscoveryRecord } from '../../protocol/trust/discovery';
import { TermCount, type DiscoveryQuery } from '../../protocol/trust/discovery-search';
import { MAX_INBOX_PAGE } from '../../protocol/trust/requests';
import { failure, success, type Result } from '../../protocol/result';
import type { CoordinatorHttp, HttpRequest } from '../coordinator-client/http-requests';
import { nodeFailure } from '../errors';

/** Room for a page of the largest records, or of the largest messages. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

const Refusal = Compile(
  Type.Object({
    detail: Type.String({ maxLength: 10_000 }),
    code: Type.Optional(Type.String({ maxLength: 100 })),
  }),
);
const AccessAnswer = Type.Object({
  coordinator_id: Type.String({ minLength: 1, maxLength: 200 }),
  policy: Type.String({ maxLength: 100 }),
  instructions: Type.String({ maxLength: 2_000 }),
});
/** Records are verified one by one by whoever shows them; here only that they are objects. */
const PageAnswer = Type.Object({
  records: Type.Array(Type.Unknown(), { maxItems: 1_000 }),
  next: Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()]),
});
const DiscoveryAnswer = Type.Object({
  coordinator_id: Type.String({ minLength: 1, maxLength: 200 }),
  terms: Type.Array(TermCount, { maxItems: 10_000 }),
});
const InboxAnswer = Type.Object({
  messages: Type.Array(
    Type.Object({ position: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), message: Type.Unknown() }),
    { maxItems: MAX_INBOX_PAGE },
  ),
  more: Type.Boolean(),
});
const PublishAnswer = Type.Object({ record_id: Type.String(), status: Type.String(), expires_at: Type.String() });
const MembershipAnswer = Type.Object({
  status: Type.Literal('member'),
  agreement_id: Type.String({ maxLength: 200 }),
  expires_at: Type.Union([Type.String({ maxLength: 100 }), Type.Null()]),
});

/** How a coordinator names itself and lets people in. */
export interface AccessFacts {
  readonly coordinatorId: string;
  readonly policy: string;
  readonly instructions: string;
}

/** Handshake messages as they came: not verified yet. */
export interface InboxBatch {
  readonly messages: readonly { readonly position: number; readonly message: unknown }[];
  readonly more: boolean;
}

interface Answering<Value> {
  Check(value: unknown): value is Value;
}

/** The calls of tore-0002 on one coordinator. Failures carry the coordinator's own code and sentence. */
export class PartyClient {
  constructor(private readonly http: CoordinatorHttp) {}

  async access(): Promise<Result<AccessFacts>> {
    const answer = await this.ask({ path: '/access' }, accessAnswer);
    if (answer.ok) {
      const { coordinator_id: coordinatorId, policy, instructions } = answer.value;
      return named({ coordinatorId, policy, instructions });
    }
    // One without access policies is open to everybody.
    if (answer.error.code !== 'coordinator-refused') return answer;
    const open = await this.ask({ path: '/discovery' }, discoveryAnswer);
    return open.ok ? named({ coordinatorId: open.value.coordinator_id, policy: 'open', instructions: '' }) : open;
  }

  async terms(): Promise<Result<readonly TermCount[]>> {
    const answer = await this.ask({ path: '/discovery' }, discoveryAnswer);
    return answer.ok ? success(answer.value.terms) : answer;
  }

  async search(
    query: DiscoveryQuery,
  ): Promise<Result<{ readonly records: readonly unknown[]; readonly next: string | null }>> {
    const words: [string, string][] = [];
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') words.push([name, String(value)]);
    }
    const text = new URLSearchParams(words).toString();
    return this.ask({ path: `/discovery/records?${text}`, maxBytes: MAX_PAGE_BYTES }, pageAnswer);
  }

  async publish(record: DiscoveryRecord, keyLinks: readonly unknown[]): Promise<Result<unknown>> {
    return this.ask(
      { method: 'POST', path: '/discovery/records', body: { record, key_links: keyLinks } },
      publishAnswer,
    );
  }

  async withdraw(request: object): Promise<Result<unknown>> {
    return this.ask({ method: 'POST', path: '/discovery/withdrawals', body: request }, anyAnswer);
  }

  async send(message: object): Promise<Result<unknown>> {
    return this.ask({ method: 'POST', path: '/handshakes/messages', body: message }, anyAnswer);
  }

  async inbox(request: object): Promise<Result<InboxBatch>> {
    return this.ask(
      { method: 'POST', path: '/handshakes/inbox', body: request, maxBytes: MAX_PAGE_BYTES },
      inboxAnswer,
    );
  }

  async showAgreement(request: object): Promise<Result<{ readonly expires_at: string | null }>> {
    return this.ask({ method: 'POST', path: '/access/agreements', body: request }, membershipAnswer);
  }

  async endAgreement(notice: object): Promise<Result<unknown>> {
    return this.ask({ method: 'POST', path: '/access/agreements/terminations', body: notice }, anyAnswer);
  }

  private async ask<Value>(request: HttpRequest, expected: Answering<Value>): Promise<Result<Value>> {
    const answer = await this.http.send(request);
    if (!answer.ok) return answer;
    const { status, json } = answer.value;
    if (status >= 200 && status < 300) {
      return expected.Check(json)
        ? success(json)
        : nodeFailure('answer-invalid', 'The coordinator gave an answer this version cannot read.');
    }
    if (status === 404 && !(Refusal.Check(json) && json.code !== undefined)) {
      return nodeFailure('coordinator-refused', 'This coordinator keeps no index and relays no handshakes.', {
        suggestion: 'Use files, or a coordinator that speaks tore-0002.',
      });
    }
    return Refusal.Check(json)
      ? failure(json.code ?? 'coordinator-refused', json.detail, { retryable: status === 429 || status >= 500 })
      : nodeFailure('coordinator-fault', `The coordinator answered with status ${status}.`, {
          retryable: status >= 500,
        });
  }
}

/** Requests name the coordinator under a signature, and nothing with half a character in it can be signed. */
function named(facts: AccessFacts): Result<AccessFacts> {
  return /\p{Surrogate}/u.test(facts.coordinatorId)
    ? nodeFailure('answer-invalid', 'The coordinator calls itself by a name that is no text.')
    : success(facts);
}

const accessAnswer = Compile(AccessAnswer);
const discoveryAnswer = Compile(DiscoveryAnswer);
const pageAnswer = Compile(PageAnswer);
const publishAnswer = Compile(PublishAnswer);
const inboxAnswer = Compile(InboxAnswer);
const membershipAnswer = Compile(MembershipAnswer);
const anyAnswer: Answering<unknown> = { Check: (value): value is unknown => value !== undefined };
