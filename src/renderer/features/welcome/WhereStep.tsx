import { Button, Input, NumberInput, TextInput } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { MEMORY_BUDGET_MB } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { CoordinatorTokenField } from '../../components/CoordinatorTokenField';
import { RegionSelect } from '../../components/RegionSelect';
import { failureText } from '../../format/failures';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { useCoordinatorCheck } from '../../stores/use-coordinator-check';
import { invitationCodeOf } from '../../format/invitation-code';
import classes from './Welcome.module.css';

/** Puts the field and its button side by side, below the label. */
function joinRow(children: ReactNode): ReactNode {
  return <div className={classes.joinRow}>{children}</div>;
}

/** Step 2: where this computer is, how much it gives, and to whom. Agreeing starts the work. */
export function WhereStep({ onBack }: { readonly onBack: () => void }) {
  const { t } = useTranslation();
  const settings = useSnapshot((snapshot) => snapshot.settings);
  const [region, setRegion] = useState(settings.region);
  const [memoryMb, setMemoryMb] = useState<number | string>(settings.contribution.memoryBudgetMb);
  const [url, setUrl] = useState(settings.coordinator.kind === 'remote' ? settings.coordinator.url : '');
  const checking = useCoordinatorCheck();
  const { found, failure } = checking;
  const [invitation, setInvitation] = useState('');
  const [accepting, setAccepting] = useState(false);

  const isJoining = url.trim() !== '';
  const code = invitation.trim() === '' || !isJoining ? null : invitationCodeOf(invitation);
  const invitationValid = !isJoining || invitation.trim() === '' || code !== null;
  const memoryValid =
    typeof memoryMb === 'number' &&
    Number.isInteger(memoryMb) &&
    memoryMb >= MEMORY_BUDGET_MB.minimum &&
    memoryMb <= MEMORY_BUDGET_MB.maximum;

  const accept = async (): Promise<void> => {
    if (!memoryValid || !invitationValid) return;
    setAccepting(true);
    const remote = isJoining ? (found ?? (await checking.check(url))) : null;
    if (!isJoining || remote !== null) {
      const saved = await callOrNotify('accept', 'settings:update', {
        region,
        contribution: { memoryBudgetMb: memoryMb },
        coordinator: remote === null ? { kind: 'embedded' } : { kind: 'remote', url: remote.url },
      });
      // Kept for the coordinator that is chosen now, and before the first attempt to connect.
      const invited =
        saved.ok && code !== null
          ? await callOrNotify('accept', 'settings:set-invitation', { invitation: code })
          : saved;
      if (invited.ok) await callOrNotify('accept', 'welcome:accept', { region });
    }
    setAccepting(false);
  };

  return (
    <>
      <div>
        <h1 className={classes.title}>{t('welcome.where.title')}</h1>
        <p className={classes.lead}>{t('welcome.where.lead')}</p>
      </div>
      <div className={classes.fields}>
        <RegionSelect
          label={t('welcome.where.region')}
          description={t('welcome.where.regionHint')}
          value={region}
          onChange={setRegion}
        />
        <NumberInput
          label={t('welcome.where.memory')}
          description={t('welcome.where.memoryHint')}
          value={memoryMb}
          onChange={setMemoryMb}
          step={256}
          allowDecimal={false}
          allowNegative={false}
          suffix=" MB"
          thousandSeparator=","
          error={
            memoryValid
              ? null
              : t('welcome.where.memoryOutside', {
                  minimum: formatCount(MEMORY_BUDGET_MB.minimum),
                  maximum: formatCount(MEMORY_BUDGET_MB.maximum),
                })
          }
          data-testid="welcome-memory"
        />
        <div>
          <Input.Wrapper
            id="welcome-join"
            label={t('welcome.where.join')}
            description={t('welcome.where.joinHint')}
            inputContainer={joinRow}
          >
            <TextInput
              className={classes.joinField ?? ''}
              id="welcome-join"
              placeholder={t('welcome.where.joinPlaceholder')}
              value={url}
              onChange={(event) => {
                setUrl(event.currentTarget.value);
                checking.forget();
              }}
              inputMode="url"
              spellCheck={false}
              error={failure !== null}
              aria-describedby="join-outcome"
              data-testid="welcome-coordinator-url"
            />
            <Button
              variant="default"
              disabled={!isJoining}
              loading={checking.checking}
              onClick={() => void checking.check(url)}
            >
              {t('common.check')}
            </Button>
          </Input.Wrapper>
          <div id="join-outcome" role="status">
            {failure !== null && <p className={classes.problem}>{failureText(failure)}</p>}
            {found !== null && (
              <p className={classes.found}>
                <IconCircleCheck size={18} stroke={1.5} aria-hidden="true" />
                <span>
                  {t('welcome.where.found', { name: found.name, version: found.version })}{' '}
                  {found.tokenMode ? t('welcome.where.foundTokens') : t('welcome.where.foundNoTokens')}
                </span>
              </p>
            )}
          </div>
        </div>
        <CoordinatorTokenField checking={checking} />
        {isJoining && (
          <TextInput
            label={t('welcome.where.invitation')}
            description={t('welcome.where.invitationHint')}
            value={invitation}
            onChange={(event) => setInvitation(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            error={invitationValid ? null : t('settings.invitation.invalid')}
            data-testid="welcome-invitation"
          />
        )}
      </div>
      <div className={classes.actions}>
        <Button variant="default" size="md" onClick={onBack}>
          {t('welcome.back')}
        </Button>
        <Button
          className={classes.push}
          size="md"
          loading={accepting}
          disabled={!memoryValid || !invitationValid || (checking.checking && !accepting)}
          data-testid="welcome-accept"
          onClick={() => void accept()}
        >
          {t('welcome.where.accept')}
        </Button>
        <p className={classes.note}>{t('welcome.where.acceptNote')}</p>
      </div>
    </>
  );
}
