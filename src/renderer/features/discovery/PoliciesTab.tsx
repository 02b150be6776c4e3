import { Badge } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { POLICY_TEMPLATES, policyWords, type PolicyTemplate } from '../../../protocol/trust/policy';
import { Section } from '../../components/Section';
import classes from './Discovery.module.css';

/** The policies that come with the app, explained. */
export function PoliciesTab() {
  const { t } = useTranslation();
  return (
    <>
      <p className={classes.quiet}>{t('discovery.policies.lead')}</p>
      {POLICY_TEMPLATES.map((policy) => (
        <PolicyCard key={policy.id} policy={policy} />
      ))}
    </>
  );
}

function PolicyCard({ policy }: { readonly policy: PolicyTemplate }) {
  const { t, i18n } = useTranslation();
  const { title, summary, explains, advice } = policyWords(policy, i18n.language);
  return (
    <Section title={title} hint={summary}>
      <div className={classes.facts}>
        <Badge variant="light" tt="none">
          {t(`discovery.policies.access.${policy.access_policy}`)}
        </Badge>
        <Badge variant="light" tt="none">
          {t(`discovery.mode.${policy.governance_mode}`)}
        </Badge>
        <Badge variant="light" tt="none">
          {policy.token_economy ? t('discovery.policies.tokens') : t('discovery.policies.noTokens')}
        </Badge>
      </div>
      <div>
        <h3 className={classes.subheading}>{t('discovery.policies.means')}</h3>
        <ul className={classes.sentences}>
          {explains.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </div>
      <div>
        <h3 className={classes.subheading}>{t('discovery.policies.advice')}</h3>
        <ul className={classes.sentences}>
          {advice.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </div>
    </Section>
  );
}
