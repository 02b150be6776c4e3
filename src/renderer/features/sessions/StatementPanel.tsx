import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionView, StatementView } from '../../../contract';
import type { CostTotal } from '../../../protocol/session/session-costs';
import { formatCount, formatWireAmount } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import { authorStyle } from './author-colour';
import classes from './Sessions.module.css';

function Totals({ totals }: { readonly totals: readonly CostTotal[] }) {
  const { t } = useTranslation();
  return (
    <>
      {totals.map((total) => (
        <p key={total.unit} className={classes.total}>
          <strong>
            {formatWireAmount(total.amount)} {total.unit}
          </strong>
          <span className={classes.quiet}>
            {t('sessions.panel.tokens', {
              input: formatCount(total.inputTokens),
              output: formatCount(total.outputTokens),
            })}
          </span>
        </p>
      ))}
    </>
  );
}

function Checked({ checked }: Pick<StatementView, 'checked'>) {
  const { t } = useTranslation();
  if (checked === null) return <p className={classes.quiet}>{t('sessions.panel.unchecked')}</p>;
  const confirmed = checked.filter(({ verdict }) => verdict === 'confirmed').length;
  const problems = checked.length - confirmed;
  return (
    <p className={problems > 0 ? classes.warning : classes.confirmed} data-testid="statement-checked">
      {problems > 0 ? (
        <IconAlertTriangle size={16} stroke={1.5} aria-hidden="true" />
      ) : (
        <IconCircleCheck size={16} stroke={1.5} aria-hidden="true" />
      )}
      {problems > 0
        ? t('sessions.panel.problem', { count: problems })
        : t('sessions.panel.checked', { count: confirmed })}
    </p>
  );
}

/** The sum over all sessions under the agreement; one session alone is its own sum. */
function UnderAgreement({ under }: { readonly under: StatementView['underAgreement'] }) {
  const { t } = useTranslation();
  if (under === null || under.sessions < 2) return null;
  return (
    <div data-testid="statement-agreement">
      <p className={classes.label}>{t('sessions.panel.underAgreement', { count: under.sessions })}</p>
      <Totals totals={under.totals} />
    </div>
  );
}

/** What the session cost, by participant, checked against the host's ledger. */
export function StatementPanel({ view }: { readonly view: SessionView }) {
  const { t } = useTranslation();
  const [statement, setStatement] = useState<StatementView | null>(null);
  const sessionId = view.state.head.id;
  const turns = view.turns.length;
  useEffect(() => {
    // Without a turn there is nothing to ask for.
    if (turns === 0) return undefined;
    let isCurrent = true;
    void callTore('sessions:statement', { sessionId }).then((result) => {
      if (isCurrent && result.ok) setStatement(result.value);
    });
    return () => {
      isCurrent = false;
    };
  }, [sessionId, turns]);
  if (turns === 0) return <p className={classes.quiet}>{t('sessions.panel.noCosts')}</p>;
  if (statement === null) return null;
  const { lines, participants, totals } = statement.statement;
  if (lines.length === 0) return <p className={classes.quiet}>{t('sessions.panel.noCosts')}</p>;
  return (
    <div className={classes.statement}>
      <div>
        <p className={classes.label}>{t('sessions.panel.total')}</p>
        <Totals totals={totals} />
      </div>
      <ul className={classes.people}>
        {participants.map((person) => (
          <li
            key={person.participant_id}
            className={classes.share}
            style={authorStyle(view.state.participants, person.participant_id)}
          >
            <p className={classes.personName}>{person.display_name}</p>
            <Totals totals={person.totals} />
          </li>
        ))}
      </ul>
      <Checked checked={statement.checked} />
      <UnderAgreement under={statement.underAgreement} />
    </div>
  );
}
