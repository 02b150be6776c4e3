import { Button, NumberInput, Radio } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ModelFitView, ShelfModel } from '../../../contract';
import type { LayerRange } from '../../../protocol/compute/model';
import type { Failure } from '../../../protocol/result';
import { callOrNotify, notifyDone } from '../../app/notify';
import { failureText } from '../../format/failures';
import { formatBytes, formatCount, formatLayers } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import { checkRange } from '../contribute/layer-range';
import classes from './Models.module.css';

type FitReading = { readonly fit: ModelFitView } | { readonly failure: Failure } | null;

/** The estimate for a range; null while it is counted. */
function useFit(key: string, range: LayerRange | null): FitReading {
  const [reading, setReading] = useState<FitReading>(null);
  const asked = JSON.stringify(range);
  useEffect(() => {
    let ended = false;
    const read = async (): Promise<void> => {
      const answer = await callTore('models:fit', { key, range: JSON.parse(asked) as LayerRange | null });
      if (!ended) setReading(answer.ok ? { fit: answer.value } : { failure: answer.error });
    };
    void read();
    return () => {
      ended = true;
    };
  }, [key, asked]);
  return reading;
}

function Fit({ fit }: { readonly fit: ModelFitView }) {
  const { t } = useTranslation();
  const rows = [
    [t('models.fit.weights'), fit.weightBytes],
    [t('models.fit.cache', { positions: formatCount(fit.positions) }), fit.cacheBytes],
    [t('models.fit.runtime'), fit.runtimeBytes],
  ] as const;
  return (
    <>
      <dl className={classes.fit} data-testid="model-fit">
        {rows.map(([label, bytes]) => (
          <FitRow key={label} label={label} bytes={bytes} />
        ))}
        <dt className={classes.total}>{t('models.fit.total')}</dt>
        <dd className={classes.total}>{formatBytes(fit.totalBytes)}</dd>
      </dl>
      <ul className={classes.devices}>
        {fit.devices.map(({ device, name, budgetBytes, fits, largest }) => (
          <li key={device} data-fits={fits}>
            {fits ? (
              <IconCircleCheck size={16} stroke={1.5} aria-hidden="true" />
            ) : (
              <IconAlertTriangle size={16} stroke={1.5} aria-hidden="true" />
            )}
            <span>
              {t(fits ? 'models.fit.fits' : 'models.fit.fitsNot', { device: name, budget: formatBytes(budgetBytes) })}
              {!fits && ' '}
              {!fits &&
                (largest === null
                  ? t('models.fit.noneFits')
                  : t('models.fit.largest', { layers: formatLayers(largest.layer_start, largest.layer_end) }))}
            </span>
          </li>
        ))}
      </ul>
      {fit.downloadBytes > 0 && <p>{t('models.fit.download', { size: formatBytes(fit.downloadBytes) })}</p>}
      <p className={classes.quiet}>{t('models.fit.note')}</p>
    </>
  );
}

function FitRow({ label, bytes }: { readonly label: string; readonly bytes: number }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{formatBytes(bytes)}</dd>
    </>
  );
}

/** Which layers, what they take, and what to do with them. */
export function ModelDetails({ model }: { readonly model: ShelfModel }) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<'whole' | 'range'>('whole');
  const [start, setStart] = useState<number | string>(0);
  const [end, setEnd] = useState<number | string>(Math.max(0, model.totalLayers - 1));
  const [busy, setBusy] = useState(false);
  const check = checkRange(start, end, model.totalLayers);
  const range: LayerRange | null =
    kind === 'range' && check.ok ? { layer_start: check.start, layer_end: check.end } : null;
  const reading = useFit(model.key, range);
  const layers = range === null ? null : formatLayers(range.layer_start, range.layer_end);
  const isUsable = kind === 'whole' || check.ok;

  const act = async (channel: 'models:serve' | 'models:download'): Promise<void> => {
    setBusy(true);
    const done = await callOrNotify(channel === 'models:serve' ? 'serve' : 'download', channel, {
      key: model.key,
      range,
    });
    if (done.ok && channel === 'models:serve') notifyDone(t('models.willServe', { name: model.friendlyName }));
    setBusy(false);
  };

  return (
    <div className={classes.details} data-testid="model-details">
      <Radio.Group
        value={kind}
        onChange={(value) => setKind(value === 'range' ? 'range' : 'whole')}
        label={t('models.range.legend')}
      >
        <div className={classes.radios}>
          <Radio value="whole" label={t('models.range.whole')} />
          <Radio value="range" label={t('models.range.choose')} />
        </div>
      </Radio.Group>
      {kind === 'range' && (
        <>
          <div className={classes.rangeFields}>
            {(
              [
                [t('models.range.first'), start, setStart],
                [t('models.range.last'), end, setEnd],
              ] as const
            ).map(([label, value, setValue]) => (
              <NumberInput
                key={label}
                label={label}
                value={value}
                onChange={setValue}
                min={0}
                max={model.totalLayers - 1}
                clampBehavior="none"
                allowDecimal={false}
                allowNegative={false}
              />
            ))}
          </div>
          {!check.ok && (
            <p className={classes.failed} role="status">
              {t(`contribute.layers.${check.problem}`, { last: formatCount(model.totalLayers - 1) })}
            </p>
          )}
        </>
      )}
      <h4 className={classes.subtitle}>{t('models.fit.title')}</h4>
      {reading === null && <p className={classes.quiet}>{t('models.fit.reading')}</p>}
      {reading !== null && 'failure' in reading && <p className={classes.failed}>{failureText(reading.failure)}</p>}
      {reading !== null && 'fit' in reading && <Fit fit={reading.fit} />}
      <div className={classes.buttons}>
        <Button
          loading={busy}
          disabled={!isUsable || (model.chosen && range === null)}
          onClick={() => void act('models:serve')}
          data-testid="model-serve"
        >
          {layers === null ? t('models.serve') : t('models.serveRange', { layers })}
        </Button>
        {model.origin === 'offered' && (
          <Button
            variant="default"
            disabled={!isUsable || busy || model.download?.state.kind === 'running'}
            onClick={() => void act('models:download')}
            data-testid="model-download-start"
          >
            {layers === null ? t('models.download.start') : t('models.download.startRange', { layers })}
          </Button>
        )}
      </div>
    </div>
  );
}
