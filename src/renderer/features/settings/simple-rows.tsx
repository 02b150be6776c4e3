import { Button, SegmentedControl } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { TEXT_SCALES, type LanguageChoice, type TextScale, type ThemeChoice } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { callOrNotify } from '../../app/notify';
import { GenerationFields } from '../../components/GenerationFields';
import { RegionSelect } from '../../components/RegionSelect';
import { SavedSwitch } from '../../components/SavedSwitch';
import { SettingRow } from '../../components/SettingRow';
import { formatPercent } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { showScreen } from '../../stores/ui-store';
import { usePicked } from '../../stores/use-picked';

const THEMES = ['system', 'light', 'dark'] as const satisfies readonly ThemeChoice[];

export function ThemeRow() {
  const { t } = useTranslation();
  const [theme, pick] = usePicked<ThemeChoice>(useSnapshot(({ settings }) => settings.theme));
  return (
    <SettingRow title={t('settings.theme.title')} hint={t('settings.theme.hint')}>
      <SegmentedControl
        aria-label={t('settings.theme.title')}
        size="xs"
        value={theme}
        onChange={(value) => void pick(value, changeSettings({ theme: value }))}
        data={THEMES.map((value) => ({ value, label: t(`settings.theme.${value}`) }))}
        data-testid="theme-select"
      />
    </SettingRow>
  );
}

const LANGUAGE_CHOICES = ['system', 'en', 'tr'] as const satisfies readonly LanguageChoice[];

export function LanguageRow() {
  const { t } = useTranslation();
  const [language, pick] = usePicked<LanguageChoice>(useSnapshot(({ settings }) => settings.language));
  return (
    <SettingRow title={t('settings.language.title')} hint={t('settings.language.hint')}>
      <SegmentedControl
        aria-label={t('settings.language.title')}
        size="xs"
        value={language}
        onChange={(value) => void pick(value, changeSettings({ language: value }))}
        data={LANGUAGE_CHOICES.map((value) => ({ value, label: t(`settings.language.${value}`) }))}
        data-testid="language-select"
      />
    </SettingRow>
  );
}

export function TextScaleRow() {
  const { t } = useTranslation();
  const [scale, pick] = usePicked<TextScale>(useSnapshot(({ settings }) => settings.textScale));
  return (
    <SettingRow title={t('settings.textScale.title')} hint={t('settings.textScale.hint')}>
      <SegmentedControl
        aria-label={t('settings.textScale.title')}
        size="xs"
        value={String(scale)}
        onChange={(value) => {
          const chosen = TEXT_SCALES.find((each) => String(each) === value);
          if (chosen !== undefined) void pick(chosen, changeSettings({ textScale: chosen }));
        }}
        data={TEXT_SCALES.map((value) => ({ value: String(value), label: formatPercent(value) }))}
        data-testid="text-scale-select"
      />
    </SettingRow>
  );
}

export function TrayRow() {
  const { t } = useTranslation();
  const closeToTray = useSnapshot(({ settings }) => settings.closeToTray);
  return (
    <SettingRow title={t('settings.tray.title')} hint={t('settings.tray.hint')}>
      <SavedSwitch
        label={t('settings.tray.label')}
        checked={closeToTray}
        onSave={(checked) => changeSettings({ closeToTray: checked })}
      />
    </SettingRow>
  );
}

export function QuitRow() {
  const { t } = useTranslation();
  return (
    <SettingRow title={t('settings.quit.title')} hint={t('settings.quit.hint')}>
      <Button variant="default" size="xs" onClick={() => void callOrNotify('quit', 'app:quit', null)}>
        {t('settings.quit.action')}
      </Button>
    </SettingRow>
  );
}

export function EconomyRow() {
  const { t } = useTranslation();
  const kept = useSnapshot(({ settings }) => settings.embeddedTokenEconomy);
  return (
    <SettingRow title={t('settings.economy.title')} hint={t('settings.economy.hint')}>
      <SavedSwitch
        label={t('settings.economy.label')}
        checked={kept}
        onSave={(checked) => changeSettings({ embeddedTokenEconomy: checked })}
      />
    </SettingRow>
  );
}

export function RegionRow() {
  const { t } = useTranslation();
  const region = useSnapshot(({ settings }) => settings.region);
  return (
    <SettingRow title={t('settings.region.title')} hint={t('settings.region.hint')}>
      <RegionSelect
        label={t('settings.region.title')}
        labelHidden
        value={region}
        onChange={(value) => void changeSettings({ region: value })}
      />
    </SettingRow>
  );
}

export function LimitsRow() {
  const { t } = useTranslation();
  return (
    <SettingRow title={t('settings.limits.title')} hint={t('settings.limits.hint')}>
      <Button variant="default" size="xs" onClick={() => showScreen('contribute')}>
        {t('settings.limits.open')}
      </Button>
    </SettingRow>
  );
}

export function ChatDefaultsRow() {
  const { t } = useTranslation();
  return <SettingRow title={t('settings.chat.title')} hint={t('settings.chat.hint')} below={<GenerationFields />} />;
}
