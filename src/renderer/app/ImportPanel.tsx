import { Button, CloseButton, Progress } from '@mantine/core';
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { ImportOutcome, ImportState } from '../../contract';
import { CopyButton } from '../components/CopyButton';
import { failureText } from '../format/failures';
import { formatBytes, formatCount } from '../format/numbers';
import { showPlace, useLibraryStore } from '../stores/library-store';
import { showScreen } from '../stores/ui-store';
import classes from './ImportPanel.module.css';
import { callOrNotify } from './notify';

/** Reasons shown of one file; the copied report has all that were kept. */
const SHOWN_NOTES = 50;

function Running({ state }: { readonly state: Extract<ImportState, { kind: 'running' }> }) {
  const { t } = useTranslation();
  const { name, position, count, bytesDone, bytesTotal, documents, isCancelling } = state;
  const percent = bytesTotal === 0 ? 0 : Math.min(100, (100 * bytesDone) / bytesTotal);
  return (
    <>
      <div className={classes.head}>
        <p className={classes.title}>
          {count > 1 ? t('import.runningOf', { position, count, name }) : t('import.running', { name })}
        </p>
      </div>
      <Progress value={percent} aria-label={t('import.progress')} />
      <div className={classes.foot}>
        <span className={classes.quiet} data-testid="import-progress">
          {bytesTotal === 0
            ? t('import.looking')
            : t('import.done', {
                documents: formatCount(documents),
                done: formatBytes(bytesDone),
                total: formatBytes(bytesTotal),
              })}
        </span>
        <Button
          variant="default"
          size="xs"
          loading={isCancelling}
          data-testid="import-cancel"
          onClick={() => void callOrNotify('import', 'library:cancel-import', null)}
        >
          {t('common.cancel')}
        </Button>
      </div>
    </>
  );
}

type Taken = Extract<ImportOutcome['result'], { kind: 'taken' }>;

function useCounts(): (result: Taken) => string {
  const { t } = useTranslation();
  return ({ imported, updated, alreadyThere, skippedCount, failedCount }) =>
    [
      t('import.new', { count: imported, shown: formatCount(imported) }),
      updated > 0 ? t('import.updated', { count: updated, shown: formatCount(updated) }) : null,
      alreadyThere > 0 ? t('import.alreadyThere', { count: alreadyThere, shown: formatCount(alreadyThere) }) : null,
      skippedCount > 0 ? t('import.skipped', { count: skippedCount, shown: formatCount(skippedCount) }) : null,
      failedCount > 0 ? t('import.failed', { count: failedCount, shown: formatCount(failedCount) }) : null,
    ]
      .filter((part) => part !== null)
      .join(', ');
}

interface NotesProps {
  readonly title: string;
  readonly notes: Taken['skipped'];
  readonly count: number;
}

function Notes({ title, notes, count }: NotesProps) {
  const { t } = useTranslation();
  if (count === 0) return null;
  return (
    <details className={classes.notes}>
      <summary>{title}</summary>
      <ul>
        {notes.slice(0, SHOWN_NOTES).map(({ what, why }, index) => (
          // Two records may have the same name and reason.
          <li key={index}>
            <strong>{what}</strong>: {why}
          </li>
        ))}
      </ul>
      {count > SHOWN_NOTES && <p className={classes.quiet}>{t('import.moreNotes', { count: count - SHOWN_NOTES })}</p>}
    </details>
  );
}

function Outcome({ outcome }: { readonly outcome: ImportOutcome }) {
  const { t } = useTranslation();
  const counts = useCounts();
  const { name, result } = outcome;
  if (result.kind === 'refused') {
    const { error } = result;
    return (
      <li className={classes.outcome} data-testid="import-outcome">
        <p className={classes.name}>
          <IconAlertTriangle className={classes.attention} size={16} stroke={1.5} aria-hidden="true" />
          {name}
        </p>
        <p>{failureText(error)}</p>
      </li>
    );
  }
  const Shape = result.failedCount > 0 ? IconAlertTriangle : IconCheck;
  return (
    <li className={classes.outcome} data-testid="import-outcome">
      <p className={classes.name}>
        <Shape
          className={result.failedCount > 0 ? classes.attention : classes.good}
          size={16}
          stroke={1.5}
          aria-hidden="true"
        />
        {name}
      </p>
      <p>{counts(result)}.</p>
      {result.missingFiles > 0 && (
        <p className={classes.quiet}>{t('import.missingFiles', { count: result.missingFiles })}</p>
      )}
      <Notes
        title={t('import.failedTitle', { count: result.failedCount, shown: formatCount(result.failedCount) })}
        notes={result.failed}
        count={result.failedCount}
      />
      <Notes
        title={t('import.skippedTitle', { count: result.skippedCount, shown: formatCount(result.skippedCount) })}
        notes={result.skipped}
        count={result.skippedCount}
      />
      {result.imported + result.updated > 0 && (
        <Button
          variant="default"
          size="xs"
          data-testid="import-show"
          onClick={() => {
            showScreen('library');
            showPlace({ kind: 'import', importId: result.importId });
          }}
        >
          {t('import.show')}
        </Button>
      )}
    </li>
  );
}

/** The report as text, for a message to somebody who can help. */
function reportText(outcomes: readonly ImportOutcome[], counts: (result: Taken) => string): string {
  return outcomes
    .flatMap(({ name, result }) =>
      result.kind === 'refused'
        ? [`${name}: ${failureText(result.error)}`]
        : [
            `${name}: ${counts(result)}.`,
            ...[...result.failed, ...result.skipped].map(({ what, why }) => `  ${what}: ${why}`),
          ],
    )
    .join('\n');
}

function Finished({ outcomes }: { readonly outcomes: readonly ImportOutcome[] }) {
  const { t } = useTranslation();
  const counts = useCounts();
  const dismiss = (): void => void callOrNotify('import', 'library:dismiss-import', null);
  return (
    <>
      <div className={classes.head}>
        <p className={classes.title}>{t('import.finished')}</p>
        <CopyButton text={() => reportText(outcomes, counts)} label={t('import.copyReport')} />
        <CloseButton size="sm" aria-label={t('common.close')} onClick={dismiss} data-testid="import-dismiss" />
      </div>
      <ul className={classes.outcomes}>
        {outcomes.map((outcome, index) => (
          <Outcome key={index} outcome={outcome} />
        ))}
      </ul>
    </>
  );
}

/** The import under way and its report, over any screen. */
export function ImportPanel() {
  const { t } = useTranslation();
  const state = useLibraryStore(({ importState }) => importState);
  if (state.kind === 'idle') return null;
  return (
    <section className={classes.panel} aria-label={t('import.panel')} data-testid="import-panel">
      {state.kind === 'running' ? <Running state={state} /> : <Finished outcomes={state.outcomes} />}
    </section>
  );
}
