import { Button, Checkbox, Modal, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { UpdateSettings, UpdateState } from '../../../contract';
import { changeSettings } from '../../app/change-settings';
import { callOrNotify } from '../../app/notify';
import { SavedSwitch } from '../../components/SavedSwitch';
import { SettingRow } from '../../components/SettingRow';
import { failureText } from '../../format/failures';
import { formatPercent } from '../../format/numbers';
import { formatMoment } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import { usePicked } from '../../stores/use-picked';
import { useSystem } from '../../stores/use-system';
import classes from './Settings.module.css';

export function StartRow() {
  const { t } = useTranslation();
  const startAtLogin = useSnapshot(({ settings }) => settings.startAtLogin);
  const problem = useSystem()?.loginItemProblem ?? null;
  const hint = problem === null ? t('settings.start.hint') : t(`settings.start.${problem}`);
  return (
    <SettingRow title={t('settings.start.title')} hint={hint}>
      {problem === null && (
        <SavedSwitch
          label={t('settings.start.label')}
          checked={startAtLogin}
          onSave={(checked) => changeSettings({ startAtLogin: checked })}
          testId="start-at-login"
        />
      )}
    </SettingRow>
  );
}

export function HiddenRow() {
  const { t } = useTranslation();
  const startHidden = useSnapshot(({ settings }) => settings.startHidden);
  const trayAvailable = useSystem()?.trayAvailable ?? true;
  return (
    <SettingRow
      title={t('settings.hidden.title')}
      hint={t(trayAvailable ? 'settings.hidden.hint' : 'settings.hidden.noTray')}
    >
      <SavedSwitch
        label={t('settings.hidden.label')}
        checked={startHidden}
        onSave={(checked) => changeSettings({ startHidden: checked })}
      />
    </SettingRow>
  );
}

const MODES = ['ask', 'automatic', 'off'] as const satisfies readonly UpdateSettings['mode'][];
const CHANNELS = ['latest', 'beta'] as const satisfies readonly UpdateSettings['channel'][];

function useUpdateText(state: UpdateState): string {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  switch (state.kind) {
    case 'off':
      return t(`settings.updates.off-${state.reason}`);
    case 'idle':
      return state.checkedAt === null
        ? t('settings.updates.idle')
        : t('settings.updates.current', { time: formatMoment(state.checkedAt, nowMs) });
    case 'checking':
      return t('settings.updates.checking');
    case 'available':
      return t('settings.updates.available', { version: state.version });
    case 'downloading':
      return t('settings.updates.downloading', { version: state.version, percent: formatPercent(state.fraction) });
    case 'ready':
      return t(state.wanted ? 'settings.updates.wanted' : 'settings.updates.ready', { version: state.version });
    case 'installing':
      return t('settings.updates.installing', { version: state.version });
    case 'failed':
      return failureText(state.error);
  }
}

function UpdateLine({ state }: { readonly state: UpdateState }) {
  const { t } = useTranslation();
  const text = useUpdateText(state);
  const proceed = (): void => void callOrNotify('update', 'updates:proceed', null);
  return (
    <div className={classes.updates}>
      <p role="status" className={classes.quiet} data-testid="update-state" data-state={state.kind}>
        {text}
      </p>
      {(state.kind === 'idle' || state.kind === 'failed') && (
        <Button variant="default" size="xs" onClick={() => void callOrNotify('update', 'updates:check', null)}>
          {t('settings.updates.check')}
        </Button>
      )}
      {state.kind === 'available' && (
        <Button size="xs" onClick={proceed}>
          {t('settings.updates.download')}
        </Button>
      )}
      {state.kind === 'ready' && !state.wanted && (
        <Button size="xs" onClick={proceed}>
          {t('settings.updates.install')}
        </Button>
      )}
    </div>
  );
}

export function UpdatesRow() {
  const { t } = useTranslation();
  const updates = useSnapshot(({ settings }) => settings.updates);
  const [mode, pickMode] = usePicked<UpdateSettings['mode']>(updates.mode);
  const [channel, pickChannel] = usePicked<UpdateSettings['channel']>(updates.channel);
  const state = useSystem()?.updates ?? null;
  // Where somebody else keeps the app current there is nothing to choose.
  const isOwn = state !== null && (state.kind !== 'off' || state.reason === 'by-choice');
  return (
    <SettingRow
      title={t('settings.updates.title')}
      hint={t('settings.updates.hint')}
      below={state === null ? null : <UpdateLine state={state} />}
    >
      {isOwn && (
        <div className={classes.updates}>
          <SegmentedControl
            size="xs"
            aria-label={t('settings.updates.mode')}
            value={mode}
            onChange={(value) => void pickMode(value, changeSettings({ updates: { ...updates, mode: value } }))}
            data={MODES.map((value) => ({ value, label: t(`settings.updates.mode-${value}`) }))}
          />
          <SegmentedControl
            size="xs"
            aria-label={t('settings.updates.channel')}
            value={channel}
            onChange={(value) => void pickChannel(value, changeSettings({ updates: { ...updates, channel: value } }))}
            data={CHANNELS.map((value) => ({ value, label: t(`settings.updates.channel-${value}`) }))}
          />
        </div>
      )}
    </SettingRow>
  );
}

export function RemoveDataRow() {
  const { t } = useTranslation();
  const dataFolder = useSystem()?.dataFolder ?? '';
  const [asking, setAsking] = useState(false);
  const [understood, setUnderstood] = useState(false);
  const close = (): void => {
    setAsking(false);
    setUnderstood(false);
  };
  return (
    <SettingRow title={t('settings.removeData.title')} hint={t('settings.removeData.hint', { folder: dataFolder })}>
      <Button variant="default" size="xs" onClick={() => setAsking(true)} data-testid="remove-data">
        {t('settings.removeData.open')}
      </Button>
      <Modal
        opened={asking}
        onClose={close}
        title={t('settings.removeData.question')}
        closeButtonProps={{ 'aria-label': t('common.close') }}
        centered
      >
        <p>{t('settings.removeData.what')}</p>
        <Checkbox
          mt="md"
          checked={understood}
          onChange={(event) => setUnderstood(event.currentTarget.checked)}
          label={t('settings.removeData.understood')}
          data-testid="remove-data-understood"
        />
        <div className={classes.modalButtons}>
          <Button variant="default" onClick={close} data-autofocus>
            {t('common.cancel')}
          </Button>
          <Button
            color="coral"
            disabled={!understood}
            onClick={() => void callOrNotify('removeData', 'system:remove-data', { confirmed: true })}
            data-testid="remove-data-confirm"
          >
            {t('settings.removeData.confirm')}
          </Button>
        </div>
      </Modal>
    </SettingRow>
  );
}
