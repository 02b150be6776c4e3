import { useTranslation } from 'react-i18next';
import type { ContextSnapshot } from '../../../protocol/conversation/conversation';
import classes from './Parts.module.css';

export const SNAPSHOT_LISTS = ['goals', 'decisions', 'open_questions', 'facts', 'constraints'] as const;

/** A context snapshot to read: its summary and those of its lists that hold something. */
export function SnapshotLists({ snapshot }: { readonly snapshot: ContextSnapshot }) {
  const { t } = useTranslation();
  return (
    <div className={classes.snapshot}>
      <p className={classes.plain}>{snapshot.summary}</p>
      {SNAPSHOT_LISTS.filter((name) => snapshot[name].length > 0).map((name) => (
        <div key={name}>
          <p className={classes.snapshotTitle}>{t(`snapshot.${name}`)}</p>
          <ul>
            {snapshot[name].map((entry) => (
              <li key={entry}>{entry}</li>
            ))}
          </ul>
        </div>
      ))}
      <p className={classes.quiet}>{t('snapshot.createdBy', { name: snapshot.created_by })}</p>
    </div>
  );
}
