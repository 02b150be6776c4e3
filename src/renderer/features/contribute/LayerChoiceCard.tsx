import { Button, NumberInput, Radio } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LayerChoice } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { Section } from '../../components/Section';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { usePicked } from '../../stores/use-picked';
import classes from './Contribute.module.css';
import { checkRange } from './layer-range';
import { MoveConsentField } from './MoveConsentField';

/** How many layers the model has, from whatever knows it. */
function useTotalLayers(): number | null {
  return useSnapshot(({ node, coverage }) => node.shard?.totalLayers ?? coverage?.totalLayers ?? null);
}

interface RangeFormProps {
  readonly choice: LayerChoice;
}

function RangeForm({ choice }: RangeFormProps) {
  const { t } = useTranslation();
  const totalLayers = useTotalLayers();
  const held = useSnapshot(({ node }) => node.shard?.range ?? null);
  const [start, setStart] = useState<number | string>(
    choice.kind === 'range' ? choice.start : (held?.layer_start ?? 0),
  );
  const [end, setEnd] = useState<number | string>(choice.kind === 'range' ? choice.end : (held?.layer_end ?? 0));
  const [busy, setBusy] = useState(false);
  const check = checkRange(start, end, totalLayers);
  const unchanged = choice.kind === 'range' && check.ok && choice.start === check.start && choice.end === check.end;

  const apply = async (): Promise<void> => {
    if (!check.ok) return;
    setBusy(true);
    await changeSettings({ contribution: { layerChoice: { kind: 'range', start: check.start, end: check.end } } });
    setBusy(false);
  };

  const last = totalLayers === null ? null : totalLayers - 1;
  return (
    <form
      className={classes.range}
      onSubmit={(event) => {
        event.preventDefault();
        void apply();
      }}
    >
      <div className={classes.rangeFields}>
        {(
          [
            ['start', t('contribute.layers.first'), start, setStart],
            ['end', t('contribute.layers.last'), end, setEnd],
          ] as const
        ).map(([name, label, value, setValue]) => (
          <NumberInput
            key={name}
            label={label}
            value={value}
            onChange={setValue}
            min={0}
            {...(last === null ? {} : { max: last })}
            clampBehavior="none"
            allowDecimal={false}
            allowNegative={false}
            error={!check.ok && check.fields.includes(name)}
            aria-describedby="layer-range-problem"
            data-testid={`layer-range-${name}`}
          />
        ))}
        <Button type="submit" loading={busy} disabled={!check.ok || unchanged} data-testid="layer-range-apply">
          {t('common.apply')}
        </Button>
      </div>
      <p id="layer-range-problem" className={check.ok ? classes.quiet : classes.problem} role="status">
        {check.ok
          ? t('contribute.layers.rangeHint')
          : t(`contribute.layers.${check.problem}`, { last: last === null ? '' : formatCount(last) })}
      </p>
    </form>
  );
}

/** Which layers to serve: the coordinator's suggestion or a range of one's own. */
export function LayerChoiceCard() {
  const { t } = useTranslation();
  const choice = useSnapshot(({ settings }) => settings.contribution.layerChoice);
  // A range is entered before it becomes the choice.
  const [shown, setShown] = usePicked(choice.kind);

  const pick = (kind: string): void => {
    if (kind === 'range') void setShown('range');
    else if (choice.kind === 'automatic') void setShown('automatic');
    else void setShown('automatic', changeSettings({ contribution: { layerChoice: { kind: 'automatic' } } }));
  };

  const rangeKey = choice.kind === 'range' ? `${choice.start}-${choice.end}` : 'automatic';
  return (
    <Section title={t('contribute.layers.title')} hint={t('contribute.layers.hint')}>
      <Radio.Group value={shown} onChange={pick} aria-label={t('contribute.layers.title')}>
        <div className={classes.radios}>
          <Radio
            value="automatic"
            label={t('contribute.layers.automatic')}
            description={t('contribute.layers.automaticHint')}
            data-testid="layer-choice-automatic"
          />
          <Radio value="range" label={t('contribute.layers.range')} data-testid="layer-choice-range" />
        </div>
      </Radio.Group>
      {shown === 'automatic' && <MoveConsentField />}
      {shown === 'range' && <RangeForm key={rangeKey} choice={choice} />}
    </Section>
  );
}
