import { useTranslation } from 'react-i18next';
import { Figure, FigureList } from '../../components/Figure';
import { Section } from '../../components/Section';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';

/** Requests and tokens served since the start. */
export function WorkCard() {
  const { t } = useTranslation();
  const served = useSnapshot(({ node }) => node.requestsServed);
  const failed = useSnapshot(({ node }) => node.requestsFailed);
  const tokens = useSnapshot(({ node }) => node.tokensServed);
  return (
    <Section title={t('dashboard.work.title')} hint={t('dashboard.work.since')}>
      <FigureList>
        <Figure
          label={t('dashboard.work.requests')}
          size="large"
          note={failed > 0 ? t('dashboard.work.failed', { count: failed, shown: formatCount(failed) }) : undefined}
        >
          {formatCount(served)}
        </Figure>
        <Figure label={t('dashboard.work.tokens')} size="large">
          {formatCount(tokens)}
        </Figure>
      </FigureList>
    </Section>
  );
}
