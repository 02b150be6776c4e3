import { Button, Menu } from '@mantine/core';
import { IconChevronDown, IconPlayerPause, IconPlayerPlay, IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { NodeStatus } from './node-status';
import { callOrNotify } from './notify';
import { PAUSE_CHOICES, pauseFor, type PauseChoice } from './pause-choices';

interface StateButtonProps {
  readonly action: NodeStatus['action'];
  readonly size?: 'sm' | 'md';
  /** Put before the test ids where the button stands a second time. */
  readonly testIdPrefix?: string;
}

function PauseButton() {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const pause = async (choice: PauseChoice, finishFirst = false): Promise<void> => {
    setBusy(true);
    await pauseFor(choice, 'all', finishFirst);
    setBusy(false);
  };
  return (
    <Menu position="bottom-end" width={208} withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button
          variant="default"
          loading={busy}
          leftSection={<IconPlayerPause size={16} stroke={1.5} />}
          rightSection={<IconChevronDown size={14} stroke={1.5} />}
          data-testid="pause-button"
        >
          {t('statusLine.pause')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('statusLine.pauseFor')}</Menu.Label>
        {PAUSE_CHOICES.map((choice) => (
          <Menu.Item key={choice} data-testid={`pause-${choice}`} onClick={() => void pause(choice)}>
            {t(`statusLine.${choice}`)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item data-testid="pause-finish" onClick={() => void pause('untilResumed', true)}>
          {t('statusLine.finishFirst')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** The one thing to do about the state: pause, resume or try again. */
export function StateButton({ action, size = 'sm', testIdPrefix = '' }: StateButtonProps) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const run = async (name: 'resume' | 'retry'): Promise<void> => {
    setBusy(true);
    await callOrNotify(name, name === 'resume' ? 'node:resume' : 'node:retry', null);
    setBusy(false);
  };
  switch (action) {
    case 'pause':
      return <PauseButton />;
    case 'resume':
      return (
        <Button
          loading={busy}
          leftSection={<IconPlayerPlay size={16} stroke={1.5} />}
          size={size}
          data-testid={`${testIdPrefix}resume-button`}
          onClick={() => void run('resume')}
        >
          {t('statusLine.resume')}
        </Button>
      );
    case 'retry':
      return (
        <Button
          loading={busy}
          leftSection={<IconRefresh size={16} stroke={1.5} />}
          size={size}
          data-testid={`${testIdPrefix}retry-button`}
          onClick={() => void run('retry')}
        >
          {t('statusLine.retry')}
        </Button>
      );
    case 'none':
      return null;
  }
}
