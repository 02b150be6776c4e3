import { success, type Result } from '../../../protocol/result';
import type { TrustFeature } from '../../services/trust/start-trust';
import type { CallRegistry } from '../call-registry';

async function asNull(work: Promise<Result<unknown>>): Promise<Result<null>> {
  const result = await work;
  return result.ok ? success(null) : result;
}

/** Calls of keys, discovery, handshakes and agreements. */
export function registerTrustCalls(calls: CallRegistry, trust: TrustFeature): void {
  const { key, discovery, handshakes } = trust;
  calls.registerCall('trust:get', () => success(trust.view()));

  calls.registerCall('keys:create', (names) => asNull(key.create(names)));
  calls.registerCall('keys:rename', (names) => asNull(key.rename(names)));
  calls.registerCall('keys:name-coordinator', ({ publicKey }) => asNull(key.nameCoordinator(publicKey)));
  calls.registerCall('keys:show-words', async () => {
    const words = await key.words();
    return words.ok ? success({ words: words.value }) : words;
  });
  calls.registerCall('keys:back-up', ({ passphrase }) => trust.backUpKey(passphrase));
  calls.registerCall('keys:restore-file', ({ passphrase }) => trust.restoreKey(passphrase));
  calls.registerCall('keys:restore-words', ({ words, ...names }) => asNull(key.restoreWords(words, names)));
  calls.registerCall('keys:replace', ({ reason }) => asNull(key.replace(reason)));
  calls.registerCall('keys:export-links', () => trust.exportLinks());

  calls.registerCall('discovery:search', (query) => discovery.search(query));
  calls.registerCall('discovery:terms', () => discovery.terms());
  calls.registerCall('discovery:publish', (draft) => discovery.publish(draft));
  calls.registerCall('discovery:withdraw', () => discovery.withdraw());
  calls.registerCall('discovery:export', () => trust.exportRecord());
  calls.registerCall('discovery:import', () => trust.importRecord());

  calls.registerCall('handshake:propose', (input) => handshakes.propose(input));
  calls.registerCall('handshake:get', ({ handshakeId }) => handshakes.view(handshakeId));
  calls.registerCall('handshake:join', (input) => handshakes.join(input));
  calls.registerCall('handshake:challenge', (input) => handshakes.challenge(input));
  calls.registerCall('handshake:draft-answer', (input) => handshakes.draftAnswer(input));
  calls.registerCall('handshake:respond', (input) => handshakes.respond(input));
  calls.registerCall('handshake:note', (input) => handshakes.note(input));
  calls.registerCall('handshake:mark', (input) => handshakes.mark(input));
  calls.registerCall('handshake:decide', (input) => handshakes.decide(input));
  calls.registerCall('handshake:withdraw', (input) => handshakes.withdraw(input));

  calls.registerCall('agreement:offer', (input) => handshakes.offer(input));
  calls.registerCall('agreement:sign', ({ agreementId }) => handshakes.sign(agreementId));
  calls.registerCall('agreement:terminate', (input) => handshakes.terminate(input));
  calls.registerCall('agreement:export', ({ agreementId }) => trust.exportAgreement(agreementId));
  calls.registerCall('agreement:export-end', ({ agreementId }) => trust.exportTermination(agreementId));
  calls.registerCall('agreement:text', ({ agreementId }) => trust.agreementText(agreementId));
  calls.registerCall('agreement:import', () => trust.importAgreement());
  calls.registerCall('agreement:show', ({ agreementId }) => trust.showAgreement(agreementId));
}
