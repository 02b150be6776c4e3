import { Button, Textarea } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PolicyCheck } from '../../../protocol/compute/http/admin';
import { callOrNotify } from '../../app/notify';
import { CopyButton } from '../../components/CopyButton';
import classes from './Administration.module.css';
import { Panel } from './Panel';
import { useReading } from '../../stores/use-reading';

function Editor({ policy }: { readonly policy: Readonly<Record<string, unknown>> }) {
  const { t } = useTranslation();
  const inForce = JSON.stringify(policy, null, 2);
  const [text, setText] = useState(inForce);
  const [check, setCheck] = useState<PolicyCheck | null>(null);
  const run = async (): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:check-policy', { text });
    setCheck(result.ok ? result.value : null);
  };
  return (
    <div className={classes.stack}>
      <Textarea
        label={t('administration.policy.label')}
        autosize
        minRows={12}
        maxRows={28}
        value={text}
        spellCheck={false}
        classNames={{ input: classes.code ?? '' }}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setCheck(null);
        }}
      />
      <div className={classes.inline}>
        <Button onClick={() => void run()} data-testid="policy-check">
          {t('administration.policy.check')}
        </Button>
        <Button variant="default" disabled={text === inForce} onClick={() => setText(inForce)}>
          {t('administration.policy.reset')}
        </Button>
        <CopyButton text={text} label={t('administration.policy.copy')} />
      </div>
      <div role="status">
        {check?.valid === true && (
          <p className={classes.good}>
            <IconCircleCheck size={18} stroke={1.5} aria-hidden="true" /> {t('administration.policy.valid')}
          </p>
        )}
        {check?.valid === false && (
          <ul className={classes.problems}>
            {check.problems.map((problem) => (
              <li key={`${problem.setting} ${problem.message}`}>
                <IconAlertTriangle size={18} stroke={1.5} aria-hidden="true" /> <code>{problem.setting}</code>{' '}
                {problem.message}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

/** The settings in force, and a check of edited ones before they go into the configuration file. */
export function PolicyPanel() {
  const { t } = useTranslation();
  const reading = useReading('administration:get-policy', null);
  return (
    <Panel title={t('administration.policy.title')} hint={t('administration.policy.hint')} reading={reading}>
      {({ policy }) => <Editor key={JSON.stringify(policy)} policy={policy} />}
    </Panel>
  );
}
