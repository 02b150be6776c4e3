// What a researcher does on the Discovery screen, as steps the tests share.
import { expect, type Page } from '@playwright/test';
import { completeWelcome, openScreen, READY_TIMEOUT_MS } from './actions';

export type DiscoveryTab = 'find' | 'handshakes' | 'agreements' | 'you' | 'policies';

export async function openDiscovery(window: Page, tab: DiscoveryTab): Promise<void> {
  await openScreen(window, 'discovery');
  await window.getByTestId(`discovery-tab-${tab}`).click();
}

/** Makes a call of the window's API, and fails when it is refused. */
async function callTore(window: Page, channel: string, input: unknown): Promise<void> {
  await window.evaluate(
    async ([name, value]) => {
      const { tore } = globalThis as unknown as {
        tore: { call(channel: string, input: unknown): Promise<{ ok: boolean; error?: { message: string } }> };
      };
      const result = await tore.call(name, value);
      if (!result.ok) throw new Error(result.error?.message);
    },
    [channel, input] as const,
  );
}

/**
 * Points an app at another coordinator, as Settings does, without contributing to it.
 *
 * @param accessToken - where the coordinator asks for one
 */
export async function joinCoordinator(window: Page, url: string, accessToken?: string): Promise<void> {
  if (accessToken !== undefined) await callTore(window, 'settings:set-access-token', { url, accessToken });
  await callTore(window, 'settings:update', { coordinator: { kind: 'remote', url } });
}

/** Goes through Welcome with a coordinator others run, until the computer serves there. */
export async function completeWelcomeAt(window: Page, url: string, accessToken: string): Promise<void> {
  const next = window.getByTestId('welcome-next');
  await expect(next).toBeVisible({ timeout: READY_TIMEOUT_MS });
  await joinCoordinator(window, url, accessToken);
  const field = window.getByTestId('welcome-coordinator-url');
  while (!(await field.isVisible())) await next.click();
  await field.fill(url);
  await completeWelcome(window);
}

/** Creates the party's key and returns its id. */
export async function createKey(window: Page, name: string, institution: string): Promise<string> {
  await openDiscovery(window, 'you');
  await window.getByTestId('key-name').fill(name);
  await window.getByTestId('key-institution').fill(institution);
  await window.getByTestId('key-create').click();
  const id = window.getByTestId('key-id');
  await expect(id).toBeVisible({ timeout: READY_TIMEOUT_MS });
  return (await id.innerText()).trim();
}

/** Publishes a record with one capability. */
export async function publishRecord(window: Page, domain: string, subdomain: string, models: string): Promise<void> {
  await openDiscovery(window, 'you');
  await window.getByTestId('capability-domain').fill(domain);
  await window.getByTestId('capability-subdomain').fill(subdomain);
  await window.getByTestId('capability-models').fill(models);
  await window.getByTestId('capability-models').blur();
  await window.getByTestId('record-publish').click();
  await expect(window.getByTestId('record-state')).toContainText('Published', { timeout: READY_TIMEOUT_MS });
}

/** Finds a record by words and proposes a handshake; the handshake is open then. */
export async function propose(window: Page, words: string, purpose: string): Promise<void> {
  await openDiscovery(window, 'find');
  await window.getByTestId('find-text').fill(words);
  const card = window.getByTestId('record-card').filter({ hasText: words });
  await expect(card).toHaveCount(1, { timeout: READY_TIMEOUT_MS });
  await card.getByTestId('record-propose').click();
  await window.getByTestId('propose-purpose').fill(purpose);
  await window.getByTestId('propose-send').click();
  await expectPhase(window, 'Proposed');
}

/** Opens the first handshake of the list. */
export async function openHandshake(window: Page): Promise<void> {
  await openDiscovery(window, 'handshakes');
  const row = window.getByTestId('handshake-row').first();
  const phase = window.getByTestId('handshake-phase');
  await expect(row.or(phase).first()).toBeVisible({ timeout: READY_TIMEOUT_MS });
  // The one that was open last is open still.
  if (await row.isVisible()) await row.click();
  await expect(phase).toBeVisible();
}

export async function expectPhase(window: Page, phase: string): Promise<void> {
  await expect(window.getByTestId('handshake-phase')).toHaveText(phase, { timeout: READY_TIMEOUT_MS });
}

/** Sends a challenge in the open handshake. */
export async function challenge(window: Page, prompt: string): Promise<void> {
  await window.getByTestId('handshake-challenge').click();
  await window.getByTestId('challenge-prompt').fill(prompt);
  await window.getByTestId('challenge-send').click();
  await expect(window.getByTestId('challenge').filter({ hasText: prompt })).toBeVisible();
}

/** Answers the challenge of the other side. */
export async function answer(window: Page, prompt: string, text: string): Promise<void> {
  const card = window.getByTestId('challenge').filter({ hasText: prompt });
  await card.getByTestId('answer-text').fill(text, { timeout: READY_TIMEOUT_MS });
  await card.getByTestId('answer-send').click();
  await expect(card.getByTestId('answer-send')).toBeHidden();
}

/** Finds the answer to an own challenge good. */
export async function judgeGood(window: Page, prompt: string): Promise<void> {
  const card = window.getByTestId('challenge').filter({ hasText: prompt });
  await card.getByTestId('challenge-verdict').getByText('Good', { exact: true }).click({ timeout: READY_TIMEOUT_MS });
  await expect(window.getByTestId('handshake-accept')).toBeEnabled();
}

export async function accept(window: Page): Promise<void> {
  await window.getByTestId('handshake-accept').click();
  await window.getByTestId('decide-confirm').click();
}

/** Names the coordinator that acts for the party towards others. */
export async function nameCoordinator(window: Page, publicKey: string): Promise<void> {
  await openDiscovery(window, 'you');
  await window.getByTestId('key-coordinator').click();
  await window.getByTestId('key-coordinator-field').fill(publicKey);
  await window.getByTestId('key-coordinator-save').click();
  await expect(window.getByTestId('key-coordinator-id')).toBeVisible();
}

/** What the offering party writes into the terms beside what a template proposes. */
export interface OfferedTerms {
  /** In what costs are counted. */
  readonly cost?: { readonly unit: string; readonly rate: number };
  /** What the coordinator of the other party serves. */
  readonly otherServes?: { readonly models: string };
  /** Called when the terms are filled in. */
  readonly pictured?: () => Promise<void>;
}

/** From a search to an agreement both have signed: `a` proposes and offers, `b` joins and signs. */
export async function agree(a: Page, b: Page, nameOfB: string, terms: OfferedTerms = {}): Promise<void> {
  await propose(a, nameOfB, 'See whether our models fit together.');
  await openHandshake(b);
  await b.getByTestId('handshake-join').click();
  await expectPhase(a, 'Challenging');
  await challenge(a, 'Which bond absorbs near 1,700 per cm?');
  await challenge(b, 'Name a corpus you would not train on.');
  await answer(b, 'Which bond', 'A carbonyl group.');
  await answer(a, 'Name a corpus', 'Anything with names of patients.');
  await judgeGood(a, 'Which bond');
  await judgeGood(b, 'Name a corpus');
  await accept(a);
  await expectPhase(b, 'One side has decided');
  await accept(b);
  await expectPhase(a, 'Accepted by both');
  await a.getByTestId('handshake-offer').click();
  const { cost, otherServes, pictured } = terms;
  if (cost !== undefined) {
    await a.getByTestId('agreement-unit').fill(cost.unit);
    await a.getByTestId('agreement-rate').fill(String(cost.rate));
  }
  if (otherServes !== undefined) {
    await a.getByTestId('grant-other').click();
    await a.getByRole('option', { name: 'Whole requests' }).click();
    await a.getByTestId('grant-other-models').fill(otherServes.models);
  }
  await pictured?.();
  await a.getByTestId('agreement-offer').click();
  await openDiscovery(b, 'agreements');
  await b.getByTestId('agreement-sign').click({ timeout: READY_TIMEOUT_MS });
  await b.getByTestId('agreement-confirm').click();
  await expect(b.getByTestId('agreement-standing')).toHaveText('In force', { timeout: READY_TIMEOUT_MS });
  await openDiscovery(a, 'agreements');
  await expect(a.getByTestId('agreement-standing')).toHaveText('In force', { timeout: READY_TIMEOUT_MS });
}
