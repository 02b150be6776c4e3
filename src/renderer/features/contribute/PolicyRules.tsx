import { TagsInput } from '@mantine/core';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { MAX_EXCLUSIVE_PROGRAMS, type PolicyPreferences } from '../../../protocol/compute/run-preferences';
import { changeSettings } from '../../app/change-settings';
import { NumberField } from '../../components/NumberField';
import { SavedSwitch } from '../../components/SavedSwitch';
import { Section } from '../../components/Section';
import { SettingRow } from '../../components/SettingRow';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { usePolicy } from '../../stores/use-policy';
import classes from './Devices.module.css';
import { RULE_GROUPS, type NumberRule, type Rule, type SwitchRule } from './policy-rules';
import { ScheduleEditor } from './ScheduleEditor';

interface RowProps<Kind extends Rule> {
  readonly rule: Kind;
  readonly policy: PolicyPreferences;
  /** Why the rule cannot hold here, or null. */
  readonly why: string | null;
}

function hintOf(t: TFunction, rule: Rule, why: string | null): string {
  const hint = t(`policy.rows.${rule.name}.hint`);
  return why === null ? hint : `${hint} ${t('policy.unreadable', { why })}`;
}

function NumberRow({ rule, policy, why }: RowProps<NumberRule>) {
  const { t } = useTranslation();
  const title = t(`policy.rows.${rule.name}.title`);
  return (
    <SettingRow title={title} hint={hintOf(t, rule, why)}>
      <NumberField
        label={title}
        labelHidden
        value={rule.read(policy)}
        minimum={rule.minimum}
        maximum={rule.maximum}
        step={rule.step ?? 1}
        suffix={rule.suffix}
        optional={rule.optional}
        placeholder={rule.optional ? t('policy.unlimited') : ''}
        error={t('policy.range', { minimum: formatCount(rule.minimum), maximum: formatCount(rule.maximum) })}
        onCommit={async (value) => {
          const patch = rule.write(policy, value);
          return patch !== null && (await changeSettings({ policy: patch }));
        }}
        testId={`rule-${rule.name}`}
      />
    </SettingRow>
  );
}

function SwitchRow({ rule, policy, why }: RowProps<SwitchRule>) {
  const { t } = useTranslation();
  const title = t(`policy.rows.${rule.name}.title`);
  return (
    <SettingRow title={title} hint={hintOf(t, rule, why)}>
      <SavedSwitch
        label={title}
        checked={rule.read(policy)}
        onSave={(checked) => changeSettings({ policy: rule.write(checked) })}
        testId={`rule-${rule.name}`}
      />
    </SettingRow>
  );
}

function BatteryRow() {
  const { t } = useTranslation();
  const pauseOnBattery = useSnapshot(({ settings }) => settings.contribution.pauseOnBattery);
  const title = t('policy.rows.pauseOnBattery.title');
  return (
    <SettingRow title={title} hint={t('policy.rows.pauseOnBattery.hint')}>
      <SavedSwitch
        label={title}
        checked={pauseOnBattery}
        onSave={(checked) => changeSettings({ contribution: { pauseOnBattery: checked } })}
      />
    </SettingRow>
  );
}

function ProgramsRow({ policy }: { readonly policy: PolicyPreferences }) {
  const { t } = useTranslation();
  const title = t('policy.rows.exclusivePrograms.title');
  return (
    <SettingRow
      title={title}
      hint={t('policy.rows.exclusivePrograms.hint')}
      below={
        <TagsInput
          className={classes.tags ?? ''}
          aria-label={title}
          placeholder={policy.exclusivePrograms.length === 0 ? t('policy.programsPlaceholder') : ''}
          maxTags={MAX_EXCLUSIVE_PROGRAMS}
          value={policy.exclusivePrograms}
          onChange={(names) =>
            void changeSettings({
              policy: {
                exclusivePrograms: names.map((name) => name.replace(/^.*[/\\]/, '').slice(0, 120)).filter(Boolean),
              },
            })
          }
          data-testid="rule-exclusivePrograms"
        />
      }
    />
  );
}

/** Every rule with one sentence, grouped by what it protects. */
export function PolicyRules() {
  const { t } = useTranslation();
  const policy = useSnapshot(({ settings }) => settings.policy);
  const unreadable = usePolicy('rules')?.unreadable ?? [];
  const whyNot = (rule: Rule): string | null => unreadable.find(({ what }) => what === rule.needs)?.why ?? null;
  return RULE_GROUPS.map(({ name, rules }) => (
    <Section key={name} title={t(`policy.groups.${name}`)}>
      <div>
        {name === 'power' && <BatteryRow />}
        {name === 'hours' && <ScheduleEditor />}
        {rules.map((rule) =>
          rule.kind === 'switch' ? (
            <SwitchRow key={rule.name} rule={rule} policy={policy} why={whyNot(rule)} />
          ) : (
            <NumberRow key={rule.name} rule={rule} policy={policy} why={whyNot(rule)} />
          ),
        )}
        {name === 'programs' && <ProgramsRow policy={policy} />}
      </div>
    </Section>
  ));
}
