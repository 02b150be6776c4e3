import { v7 as uuidV7 } from 'uuid';
import type { CallInput } from '../../../contract/calls';
import type { AnswerDraft, HandshakeView } from '../../../contract/trust';
import { nodeCryptography } from '../../../keys/ed25519';
import { toMicroGft } from '../../../protocol/compute/micro-gft';
import type { FederationGrant } from '../../../protocol/federation/grant';
import { failure, success, type Result } from '../../../protocol/result';
import { signAgreement } from '../../../protocol/signing/sign-document';
import type { AgreementTerms } from '../../../protocol/trust/agreement';
import { agreementOfHandshake } from '../../../protocol/trust/agreement-of-handshake';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import { keyOf, otherSide, stepsOf, type Handshake } from '../../../protocol/trust/handshake';
import type { HandshakeContent, HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { agreementHash, signTermination } from '../../../protocol/trust/termination';
import type { ContributorPort } from '../node-service';
import { isoTime, type Timers } from '../timers';
import type { AgreementShelf } from './agreement-shelf';
import type { HandshakeBook, KeptHandshake } from './handshake-book';
import type { HandshakeMail } from './handshake-mail';
import { handshakeView } from './handshake-views';
import { noKey } from './party-key';

const DAY_MS = 86_400_000;
/** An answer a model drafts is read by a person before it goes anywhere; longer ones are nobody's help. */
const MAX_DRAFT_TOKENS = 512;

export interface HandshakeServiceOptions {
  readonly book: HandshakeBook;
  readonly shelf: AgreementShelf;
  readonly mail: Pick<HandshakeMail, 'send'>;
  readonly writer: () => MessageWriter | null;
  readonly node: Pick<ContributorPort, 'generate'>;
  /** An agreement was ended, by this party or the other one. */
  readonly onEnded: () => void;
  readonly onChange: () => void;
  readonly timers: Timers;
}

function quotaOf({ count, windowSeconds }: { readonly count: number; readonly windowSeconds: number }) {
  return { count, window_seconds: windowSeconds };
}

/** What a person does in a handshake and with the agreement after it. */
export class HandshakeService {
  readonly #options: HandshakeServiceOptions;

  constructor(options: HandshakeServiceOptions) {
    this.#options = options;
  }

  /** Everything about one handshake; the messages of the other side count as read. */
  async view(id: string): Promise<Result<HandshakeView>> {
    const { book, timers, onChange } = this.#options;
    const kept = book.find(id);
    if (!kept.ok) return kept;
    const { file } = kept.value;
    const read = file[otherSide(file.ownSide)].length;
    if (read === file.readThrough) return success(handshakeView(kept.value, timers.now()));
    const changed = await book.change(id, (one) => ({ ...one, readThrough: read }));
    if (!changed.ok) return changed;
    onChange();
    return success(handshakeView(changed.value, timers.now()));
  }

  async propose(input: CallInput<'handshake:propose'>): Promise<Result<{ readonly handshakeId: string }>> {
    const { book, mail, writer: writerOf, timers, onChange } = this.#options;
    const writer = writerOf();
    if (writer === null) return noKey();
    const handshakeId = uuidV7();
    const content: HandshakeContent = {
      kind: 'propose',
      purpose: input.purpose,
      governance_mode: input.governanceMode,
      quota: quotaOf(input.quota),
      handshake_expires_at: isoTime(timers.now() + input.days * DAY_MS),
      record_id: input.recordId,
    };
    const to: HandshakeMessage['to'] = { node_id: input.nodeId, public_key: input.publicKey };
    const proposed = await book.propose(handshakeId, to, writer, content);
    if (!proposed.ok) return proposed;
    const sent = await mail.send(handshakeId);
    onChange();
    return sent.ok ? success({ handshakeId }) : sent;
  }

  join({ handshakeId, quota, note }: CallInput<'handshake:join'>): Promise<Result<null>> {
    return this.#write(handshakeId, { kind: 'join', quota: quotaOf(quota), ...(note === '' ? {} : { note }) });
  }

  challenge(input: CallInput<'handshake:challenge'>): Promise<Result<null>> {
    const { domain, subdomain, prompt, set, compute } = input;
    const challenge = {
      id: uuidV7(),
      domain,
      subdomain,
      prompt,
      form: compute === null ? ('question' as const) : ('compute' as const),
      ...(set === null ? {} : { set }),
      ...(compute === null ? {} : { model_id: compute.modelId, max_new_tokens: compute.maxNewTokens }),
    };
    return this.#write(input.handshakeId, { kind: 'challenge', challenge });
  }

  /**
   * Lets the cooperative's model write an answer for a person to read. Nothing is sent, and nothing is spent without this
   * call: a challenge alone makes nobody's model work.
   */
  async draftAnswer({
    handshakeId,
    challengeId,
    modelId,
  }: CallInput<'handshake:draft-answer'>): Promise<Result<AnswerDraft>> {
    const challenge = this.#challengeOf(handshakeId, challengeId);
    if (!challenge.ok) return challenge;
    const { prompt, form, max_new_tokens: maxNewTokens } = challenge.value;
    const isCompute = form === 'compute';
    const generated = await this.#options.node.generate(
      {
        requestId: uuidV7(),
        modelId,
        messages: [{ role: 'user', content: prompt }],
        maxNewTokens: isCompute ? (maxNewTokens ?? MAX_DRAFT_TOKENS) : MAX_DRAFT_TOKENS,
        // A compute challenge asks for the one greedy answer.
        sampling: isCompute ? { temperature: 0, top_k: 1, top_p: 1 } : { temperature: 0.7, top_k: 40, top_p: 0.95 },
      },
      {},
    );
    if (!generated.ok) return generated;
    const { text, gft_deducted: spent } = generated.value;
    return success({ text, modelId, microGft: toMicroGft(spent) });
  }

  respond({ handshakeId, challengeId, text, modelId }: CallInput<'handshake:respond'>): Promise<Result<null>> {
    const kept = this.#options.book.find(handshakeId);
    if (!kept.ok) return Promise.resolve(kept);
    const { state, file } = kept.value;
    const asked = stepsOf(state.log[otherSide(file.ownSide)], 'challenge').find(
      (one) => one.challengeId === challengeId,
    );
    if (asked === undefined) return Promise.resolve(unknownChallenge());
    const response = {
      challenge_id: challengeId,
      challenge_hash: asked.hash,
      text,
      author: modelId === null ? ('human' as const) : ('model' as const),
      ...(modelId === null ? {} : { model_id: modelId }),
    };
    return this.#write(handshakeId, { kind: 'response', response });
  }

  async note({ handshakeId, challengeId, text }: CallInput<'handshake:note'>): Promise<Result<null>> {
    return this.#change(handshakeId, (file) =>
      challengeId === null ? { ...file, note: text } : { ...file, notes: { ...file.notes, [challengeId]: text } },
    );
  }

  async mark({ handshakeId, challengeId, verdict }: CallInput<'handshake:mark'>): Promise<Result<null>> {
    return this.#change(handshakeId, (file) => {
      const rest = Object.entries(file.verdicts).filter(([id]) => id !== challengeId);
      return { ...file, verdicts: Object.fromEntries(verdict === null ? rest : [...rest, [challengeId, verdict]]) };
    });
  }

  /** Decides with the verdicts that were marked. */
  decide({ handshakeId, decision, reason }: CallInput<'handshake:decide'>): Promise<Result<null>> {
    const kept = this.#options.book.find(handshakeId);
    if (!kept.ok) return Promise.resolve(kept);
    const { state, file } = kept.value;
    const responses = new Map(
      stepsOf(state.log[otherSide(file.ownSide)], 'response').map((one) => [one.challengeId, one.hash]),
    );
    const decidedAt = isoTime(this.#options.timers.now());
    const verdicts = stepsOf(state.log[file.ownSide], 'challenge').flatMap(({ challengeId, hash }) => {
      const [response, verdict] = [responses.get(challengeId), file.verdicts[challengeId]];
      if (response === undefined || verdict === undefined) return [];
      const hashes = { challenge_hash: hash, response_hash: response };
      return [{ challenge_id: challengeId, ...hashes, verdict, decided_at: decidedAt }];
    });
    return this.#write(handshakeId, { kind: 'decide', decision, verdicts, ...(reason === '' ? {} : { reason }) });
  }

  withdraw({ handshakeId, reason }: CallInput<'handshake:withdraw'>): Promise<Result<null>> {
    return this.#write(handshakeId, { kind: 'withdraw', ...(reason === '' ? {} : { reason }) });
  }

  /** Signs terms and sends them to the other party, who signs them back or offers others. */
  async offer(input: CallInput<'agreement:offer'>): Promise<Result<{ readonly agreementId: string }>> {
    const { book, shelf, writer: writerOf } = this.#options;
    const writer = writerOf();
    if (writer === null) return noKey();
    const kept = book.find(input.handshakeId);
    if (!kept.ok) return kept;
    const agreementId = uuidV7();
    const metadata = input.renews === null ? {} : { renews: input.renews };
    const draft = agreementOfHandshake(withOwnKey(kept.value, writer), {
      id: agreementId,
      terms: termsOf(input.terms, {
        own: writer.nodeId,
        other: kept.value.state.parties[otherSide(kept.value.file.ownSide)].nodeId,
      }),
      metadata,
    });
    if (!draft.ok) return draft;
    const signed = signAgreement(draft.value, writer.signer, nodeCryptography);
    if (!signed.ok) return signed;
    const written = await this.#write(input.handshakeId, { kind: 'agreement', agreement: signed.value });
    if (!written.ok) return written;
    const shelved = await shelf.take(signed.value, input.handshakeId);
    return shelved.ok ? success({ agreementId }) : shelved;
  }

  /** Signs an agreement the other party has offered. */
  async sign(agreementId: string): Promise<Result<null>> {
    const { shelf, writer: writerOf } = this.#options;
    const writer = writerOf();
    if (writer === null) return noKey();
    const file = shelf.find(agreementId);
    if (!file.ok) return file;
    const { agreement, handshakeId } = file.value;
    if (handshakeId === null)
      return failure('agreement-foreign', 'This agreement did not come with a handshake of yours.');
    const signed = signAgreement(agreement, writer.signer, nodeCryptography);
    if (!signed.ok) return signed;
    const written = await this.#write(handshakeId, { kind: 'agreement', agreement: signed.value });
    if (!written.ok) return written;
    const shelved = await shelf.take(signed.value, handshakeId);
    this.#options.onChange();
    return shelved.ok ? success(null) : shelved;
  }

  /** Ends an agreement in this party's name. */
  async terminate({ agreementId, reason, effectiveAt }: CallInput<'agreement:terminate'>): Promise<Result<null>> {
    const { shelf, writer: writerOf, timers } = this.#options;
    const writer = writerOf();
    if (writer === null) return noKey();
    const file = shelf.find(agreementId);
    if (!file.ok) return file;
    const { agreement, handshakeId } = file.value;
    if (handshakeId === null) return failure('agreement-foreign', 'Only a party of an agreement can end it.');
    const hash = agreementHash(agreement, nodeCryptography);
    if (!hash.ok) return hash;
    const notice = signTermination(
      {
        id: uuidV7(),
        agreement_id: agreementId,
        agreement_hash: hash.value,
        party: { node_id: writer.nodeId, public_key: writer.signer.publicKey },
        ...(writer.keyLinks.length === 0 ? {} : { key_links: [...writer.keyLinks] }),
        ...(reason === '' ? {} : { reason }),
        effective_at: effectiveAt,
        issued_at: isoTime(timers.now()),
      },
      writer.signer,
      nodeCryptography,
    );
    // It ends by this party's word alone: whether the other one can be told now makes no difference to that.
    const ended = await shelf.terminate(notice);
    if (!ended.ok) return ended;
    this.#options.onEnded();
    const written = await this.#write(handshakeId, { kind: 'terminate', notice });
    this.#options.onChange();
    if (written.ok) return written;
    return failure(
      'other-not-told',
      `The agreement has ended, but the other party was not told: ${written.error.message}`,
      {
        suggestion: 'Save the notice of its end as a file and send them that.',
      },
    );
  }

  /** Takes what came with a message of the other side beside the handshake itself. */
  async received({ content }: HandshakeMessage, kept: KeptHandshake): Promise<void> {
    const { shelf } = this.#options;
    if (content.kind === 'agreement') await shelf.take(content.agreement, kept.file.id);
    if (content.kind !== 'terminate') return;
    const ended = await shelf.terminate(content.notice);
    if (ended.ok) this.#options.onEnded();
  }

  #challengeOf(handshakeId: string, challengeId: string) {
    const kept = this.#options.book.find(handshakeId);
    if (!kept.ok) return kept;
    for (const { content } of [...kept.value.file.proposer, ...kept.value.file.responder]) {
      if (content.kind === 'challenge' && content.challenge.id === challengeId) return success(content.challenge);
    }
    return unknownChallenge();
  }

  async #change(id: string, change: Parameters<HandshakeBook['change']>[1]): Promise<Result<null>> {
    const changed = await this.#options.book.change(id, change);
    this.#options.onChange();
    return changed.ok ? success(null) : changed;
  }

  async #write(handshakeId: string, content: HandshakeContent): Promise<Result<null>> {
    const { book, mail, writer: writerOf, onChange } = this.#options;
    const writer = writerOf();
    if (writer === null) return noKey();
    const written = await book.write(handshakeId, writer, content);
    if (!written.ok) return written;
    const sent = await mail.send(handshakeId);
    onChange();
    return sent.ok ? success(null) : sent;
  }
}

/** @param parties - node ids of both sides */
function termsOf(
  terms: CallInput<'agreement:offer'>['terms'],
  parties: { readonly own: string; readonly other: string },
): AgreementTerms {
  const grants = (['own', 'other'] as const).flatMap((side): FederationGrant[] => {
    const allowed = terms.federation[side];
    return allowed === null ? [] : [{ kind: 'federation', served_by: parties[side], ...allowed }];
  });
  return {
    purpose: terms.purpose,
    resources: [...terms.resources, ...grants],
    cost: {
      unit: terms.costUnit,
      ...(terms.costRate === null ? {} : { rate: terms.costRate }),
      ...(terms.costLedger === null ? {} : { ledger: terms.costLedger }),
    },
    data_handling: terms.dataHandling,
    effective_at: terms.effectiveAt,
    ...(terms.expiresAt === null ? {} : { expires_at: terms.expiresAt }),
    termination: terms.termination,
  };
}

/** The handshake as it is once this side has written with its present key: the key may have been replaced since. */
function withOwnKey({ state, file }: KeptHandshake, { signer }: MessageWriter): Handshake {
  const own = state.parties[file.ownSide];
  if (keyOf(own) === signer.publicKey) return state;
  const party = { ...own, keys: [...own.keys, signer.publicKey] };
  return { ...state, parties: { ...state.parties, [file.ownSide]: party } };
}

function unknownChallenge(): { readonly ok: false; readonly error: ReturnType<typeof failure>['error'] } {
  return failure('challenge-unknown', 'This challenge is not part of the handshake.');
}
