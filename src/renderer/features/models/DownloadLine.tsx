import { Button, Progress } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { DownloadView, ShelfModel } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { failureText } from '../../format/failures';
import { formatBytes, formatLayers } from '../../format/numbers';
import { formatTimeLeft, secondsUntil } from '../../format/times';
import { useNow } from '../../stores/use-now';
import classes from './Models.module.css';

function useDownloadText({ state, range, doneBytes, totalBytes, bytesPerSecond }: DownloadView): string {
  const { t } = useTranslation();
  const nowMs = useNow(1_000);
  const done = formatBytes(doneBytes);
  const total = formatBytes(totalBytes);
  switch (state.kind) {
    case 'waiting':
      return t('models.download.waiting');
    case 'running':
      return bytesPerSecond === null
        ? t('models.download.running', { done, total })
        : t('models.download.speed', { done, total, speed: formatBytes(bytesPerSecond) });
    case 'paused':
      return t('models.download.paused', { done, total });
    case 'done':
      return t('models.download.done', { layers: formatLayers(range.layer_start, range.layer_end), total });
    case 'failed': {
      const failed = t('models.download.failed', { done, reason: failureText(state.error) });
      if (state.retryAt === null) return failed;
      const left = formatTimeLeft(secondsUntil(state.retryAt, nowMs));
      return `${failed} ${t('models.download.retryAt', { left })}`;
    }
  }
}

/** How far a download is, and what can be done with it. */
export function DownloadLine({ model, download }: { readonly model: ShelfModel; readonly download: DownloadView }) {
  const { t } = useTranslation();
  const text = useDownloadText(download);
  const { key, friendlyName: name } = model;
  const { state, doneBytes, totalBytes } = download;
  const percent = totalBytes === 0 ? 0 : Math.min(100, (doneBytes / totalBytes) * 100);
  const resume = (): void => void callOrNotify('download', 'models:resume-download', { key });
  return (
    <div className={classes.progress} data-testid="model-download" data-state={state.kind}>
      {state.kind !== 'done' && (
        <Progress.Root size="md">
          <Progress.Section value={percent} aria-label={t('models.download.bar', { name })} />
        </Progress.Root>
      )}
      <p className={state.kind === 'failed' ? classes.failed : classes.quiet}>{text}</p>
      <div className={classes.buttons}>
        {(state.kind === 'running' || state.kind === 'waiting') && (
          <Button
            variant="default"
            size="xs"
            aria-label={t('models.download.pauseOf', { name })}
            onClick={() => void callOrNotify('download', 'models:pause-download', { key })}
          >
            {t('models.download.pause')}
          </Button>
        )}
        {state.kind === 'paused' && (
          <Button variant="default" size="xs" aria-label={t('models.download.resumeOf', { name })} onClick={resume}>
            {t('models.download.resume')}
          </Button>
        )}
        {state.kind === 'failed' && (
          <Button variant="default" size="xs" aria-label={t('models.download.retryOf', { name })} onClick={resume}>
            {t('models.download.retry')}
          </Button>
        )}
      </div>
    </div>
  );
}
