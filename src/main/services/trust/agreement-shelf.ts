import type { AgreementView } from '../../../contract/trust';
import { nodeCryptography } from '../../../keys/ed25519';
import { failure, success, type Result } from '../../../protocol/result';
import { comparableJson } from '../../../protocol/signing/canonical-json';
import { verifyAgreement } from '../../../protocol/signing/verify-document';
import { checkTermination, agreementStanding } from '../../../protocol/trust/agreement-standing';
import type { Agreement } from '../../../protocol/trust/agreement';
import type { TerminationNotice } from '../../../protocol/trust/termination';
import type { AgreementFile, TrustFolder } from './trust-folder';
import { Turns } from './turns';

/** Agreements on this computer: own ones while they are signed and after, and those of others that were imported. */
export class AgreementShelf {
  readonly #folder: TrustFolder;
  readonly #files = new Map<string, AgreementFile>();
  readonly #turns = new Turns();

  constructor(folder: TrustFolder) {
    this.#folder = folder;
  }

  async load(): Promise<void> {
    for (const file of await this.#folder.agreements()) this.#files.set(file.agreement.id, file);
  }

  all(): readonly AgreementFile[] {
    return [...this.#files.values()];
  }

  find(id: string): Result<AgreementFile> {
    const file = this.#files.get(id);
    return file === undefined ? failure('agreement-unknown', 'This agreement is not on this computer.') : success(file);
  }

  /** Keeps an agreement, or the signatures one has gained. Another text under the id of a known one is refused. */
  take(agreement: Agreement, handshakeId: string | null): Promise<Result<AgreementFile>> {
    return this.#turns.run(async () => {
      const known = this.#files.get(agreement.id);
      if (known === undefined) return this.#keep({ version: 1, agreement, handshakeId, terminations: [] });
      const bare = (one: Agreement): string => comparableJson({ ...one, signatures: [] });
      if (bare(known.agreement) !== bare(agreement)) {
        return failure('agreement-differs', 'Another agreement with this id is on this computer; it was kept.');
      }
      const signed = new Map([...known.agreement.signatures, ...agreement.signatures].map((one) => [one.key_id, one]));
      return this.#keep({
        ...known,
        agreement: { ...known.agreement, signatures: [...signed.values()] },
        handshakeId: known.handshakeId ?? handshakeId,
      });
    });
  }

  /** Notes that a party ended an agreement, after checking that it is one. */
  terminate(notice: TerminationNotice): Promise<Result<AgreementFile>> {
    return this.#turns.run(async () => {
      const file = this.find(notice.agreement_id);
      if (!file.ok) return file;
      const checked = checkTermination(notice, file.value.agreement, nodeCryptography);
      if (!checked.ok) return checked;
      const { terminations } = file.value;
      if (terminations.some(({ id }) => id === notice.id)) return file;
      return this.#keep({ ...file.value, terminations: [...terminations, notice] });
    });
  }

  /** Terminations that a coordinator was not told, or did not take. */
  unannounced(place: string): readonly TerminationNotice[] {
    return this.all().flatMap(({ terminations, announced = [] }) =>
      terminations.filter(({ id }) => !announced.includes(announcement(place, id))),
    );
  }

  /** Notes that a coordinator has taken a termination. */
  noteAnnounced(place: string, notice: TerminationNotice): Promise<Result<AgreementFile>> {
    return this.#turns.run(async () => {
      const file = this.find(notice.agreement_id);
      if (!file.ok) return file;
      const { announced = [] } = file.value;
      return this.#keep({ ...file.value, announced: [...announced, announcement(place, notice.id)] });
    });
  }

  async #keep(file: AgreementFile): Promise<Result<AgreementFile>> {
    const saved = await this.#folder.saveAgreement(file);
    if (!saved.ok) return saved;
    this.#files.set(file.agreement.id, file);
    return success(file);
  }
}

/** A place is of any length, and what is kept of it has to be read again. */
function announcement(place: string, noticeId: string): string {
  return `${nodeCryptography.sha256(place)} ${noticeId}`;
}

/** An agreement as it is shown: its signatures are checked now, not remembered. */
export function agreementView(
  { agreement, handshakeId, terminations }: AgreementFile,
  ownNodeId: string | null,
  nowMs: number,
): AgreementView {
  const verified = verifyAgreement(agreement, nodeCryptography);
  const signed = new Set(agreement.signatures.map(({ key_id: id }) => id));
  const isMissing = (publicKey: string): boolean => !signed.has(nodeCryptography.keyIdOf(publicKey));
  const missing = agreement.parties.filter(({ public_key: key }) => isMissing(key));
  const isOwn = (party: { readonly node_id: string }): boolean => party.node_id === ownNodeId;
  const ends = terminations.map(({ effective_at: at }) => at).sort();
  const nameOf = (nodeId: string): string => agreement.parties.find((one) => one.node_id === nodeId)?.name ?? '';
  const renews = agreement.metadata?.['renews'];
  return {
    id: agreement.id,
    handshakeId,
    parties: agreement.parties.map(({ node_id: nodeId, name, institution, public_key: key }) => ({
      nodeId,
      name,
      institution: institution ?? null,
      keyId: nodeCryptography.keyIdOf(key),
    })),
    terms: agreement.terms,
    governanceMode: agreement.governance_mode,
    evidenceCount: agreement.evidence.length,
    standing: missing.length > 0 ? 'offered' : agreementStanding(agreement, terminations, nowMs),
    missing: missing.map(({ name }) => name),
    isOwnSignatureMissing: missing.some(isOwn),
    isParty: agreement.parties.some(isOwn),
    renews: typeof renews === 'string' ? renews : null,
    ended: terminations.map(({ party, reason, effective_at: at }) => ({
      by: nameOf(party.node_id),
      at,
      reason: reason ?? null,
    })),
    endsAt: ends[0] ?? agreement.terms.expires_at ?? null,
    verified: verified.ok,
    problem: verified.ok || missing.length > 0 ? null : verified.error.message,
  };
}
