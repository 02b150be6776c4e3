import type { TFunction } from 'i18next';
import { isFederationGrant, type FederationGrant, type GrantTerms } from '../../../protocol/federation/grant';

/** What a coordinator serves another one, as it is edited. Empty text and null: not limited. */
export interface GrantDraft {
  readonly kind: 'nothing' | 'served-whole' | 'requester-ends';
  /** Ids with commas between them. */
  readonly models: string;
  readonly perMinute: number | null;
  readonly newTokens: number | null;
  readonly amount: number | null;
  /** Times of day, `HH:MM` in UTC. */
  readonly from: string;
  readonly to: string;
}

export const NO_GRANT: GrantDraft = {
  kind: 'nothing',
  models: '',
  perMinute: null,
  newTokens: null,
  amount: null,
  from: '',
  to: '',
};

/** The grant of a party among the resources of an agreement, to be edited. */
export function draftOfGrant(resources: readonly unknown[], servedBy: string): GrantDraft {
  const grant = resources.filter(isFederationGrant).find((one) => one.served_by === servedBy);
  if (grant === undefined) return NO_GRANT;
  return {
    kind: grant.data ?? 'served-whole',
    models: grant.models === 'any' ? '' : grant.models.join(', '),
    perMinute: grant.max_requests_per_minute ?? null,
    newTokens: grant.max_new_tokens ?? null,
    amount: grant.max_amount ?? null,
    from: grant.hours?.from ?? '',
    to: grant.hours?.to ?? '',
  };
}

/** What a draft allows; null for nothing. */
export function grantOfDraft(draft: GrantDraft): GrantTerms | null {
  if (draft.kind === 'nothing') return null;
  const models = draft.models
    .split(',')
    .map((model) => model.trim().slice(0, 200))
    .filter(Boolean);
  const { perMinute, newTokens, amount, from, to } = draft;
  return {
    models: models.length === 0 ? 'any' : models,
    ...(from === '' || to === '' ? {} : { hours: { from, to } }),
    ...(perMinute === null ? {} : { max_requests_per_minute: perMinute }),
    ...(newTokens === null ? {} : { max_new_tokens: newTokens }),
    ...(amount === null ? {} : { max_amount: amount }),
    data: draft.kind,
  };
}

/** A grant in words. */
export function grantText(t: TFunction, grant: FederationGrant, name: string, unit: string): string {
  const { hours, max_requests_per_minute: perMinute, max_new_tokens: newTokens, max_amount: amount } = grant;
  return [
    t(`discovery.grant.${grant.data === 'requester-ends' ? 'servesMiddle' : 'servesWhole'}`, { name }),
    grant.models === 'any'
      ? t('discovery.grant.anyModel')
      : t('discovery.grant.onlyModels', { models: grant.models.join(', ') }),
    ...(hours === undefined ? [] : [t('discovery.grant.hoursText', { from: hours.from, to: hours.to })]),
    ...(perMinute === undefined ? [] : [t('discovery.grant.perMinuteText', { count: perMinute })]),
    ...(newTokens === undefined ? [] : [t('discovery.grant.newTokensText', { count: newTokens })]),
    ...(amount === undefined ? [] : [t('discovery.grant.amountText', { amount, unit })]),
  ].join('; ');
}
