import { ActionIcon, Button, Select, Tooltip } from '@mantine/core';
import { IconPencil, IconPlayerStop, IconPlus, IconSparkles } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AnswerRule, OwnModelEstimate, OwnModelView, SessionView } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { failureText } from '../../format/failures';
import { formatAmount } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import { OwnModelDialog } from './OwnModelDialog';
import classes from './Sessions.module.css';

const RULES: readonly AnswerRule[] = ['asked', 'mention', 'every-turn', 'moderator'];
/** The estimate follows the session at most this often. */
const ESTIMATE_DELAY_MS = 300;

function useEstimate(view: SessionView): OwnModelEstimate | null {
  const [estimate, setEstimate] = useState<OwnModelEstimate | null>(null);
  const { modelId } = view.state.ownModel;
  const sessionId = view.state.head.id;
  const turns = view.turns.length;
  useEffect(() => {
    if (modelId === null || turns === 0) return undefined;
    let isCurrent = true;
    const timer = setTimeout(() => {
      void callTore('sessions:estimate', { sessionId }).then((result) => {
        if (isCurrent) setEstimate(result.ok ? result.value : null);
      });
    }, ESTIMATE_DELAY_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [sessionId, modelId, turns]);
  return modelId === null ? null : estimate;
}

function EstimateLine({ estimate }: { readonly estimate: OwnModelEstimate }) {
  const { t } = useTranslation();
  const { payer, estimatedMicroGft, balanceMicroGft, turnsLeftOut, modelName } = estimate;
  const gft = (micro: number | null): string => (micro === null ? '–' : `${formatAmount(micro)} ${t('common.gft')}`);
  const cost =
    payer === 'provider'
      ? t('sessions.model.provider', { name: modelName })
      : estimatedMicroGft === null
        ? t('sessions.model.estimateFree')
        : t('sessions.model.estimate', { cost: gft(estimatedMicroGft), balance: gft(balanceMicroGft) });
  return (
    <p className={classes.hint} data-testid="session-estimate">
      {cost}
      {turnsLeftOut > 0 && ` · ${t('sessions.model.leftOut', { count: turnsLeftOut })}`}
    </p>
  );
}

/** The model this person brings: which, when it answers, and what asking it costs. */
export function OwnModelCard({ view }: { readonly view: SessionView }) {
  const { t } = useTranslation();
  const [models, setModels] = useState<readonly OwnModelView[]>([]);
  const [dialog, setDialog] = useState<'new' | OwnModelView | null>(null);
  const estimate = useEstimate(view);
  const { state } = view;
  const { ownModel } = state;
  const sessionId = state.head.id;
  useEffect(() => {
    void callTore('own-models:list', null).then((result) => {
      if (result.ok) setModels(result.value);
    });
  }, []);
  const role = state.participants.find(({ id }) => id === state.participantId)?.role;
  if (role === 'observer' || state.ended !== null || state.head.status === 'closed') return null;
  const choose = (modelId: string | null, rule: AnswerRule): void => {
    void callOrNotify('ownModel', 'sessions:set-model', { sessionId, modelId, rule });
  };
  const chosen = models.find(({ id }) => id === ownModel.modelId);
  return (
    <section className={classes.modelCard} aria-label={t('sessions.model.title')}>
      <div className={classes.modelHead}>
        <h3 className={classes.label}>{t('sessions.model.title')}</h3>
        {chosen !== undefined && chosen.kind !== 'network' && (
          <Tooltip label={t('sessions.model.form.edit', { name: chosen.name })}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={t('sessions.model.form.edit', { name: chosen.name })}
              onClick={() => setDialog(chosen)}
            >
              <IconPencil size={16} stroke={1.5} />
            </ActionIcon>
          </Tooltip>
        )}
        <Tooltip label={t('sessions.model.add')}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t('sessions.model.add')}
            data-testid="own-model-add"
            onClick={() => setDialog('new')}
          >
            <IconPlus size={16} stroke={1.5} />
          </ActionIcon>
        </Tooltip>
      </div>
      <Select
        aria-label={t('sessions.model.choose')}
        placeholder={t('sessions.model.none')}
        value={ownModel.modelId}
        clearable
        data-testid="own-model-select"
        data={models.map(({ id, kind, name, modelId }) => ({
          value: id,
          label: kind === 'network' ? t('sessions.model.network', { model: modelId }) : name,
        }))}
        onChange={(value) => choose(value, ownModel.rule)}
      />
      {ownModel.modelId !== null && (
        <>
          <Select
            label={t('sessions.model.rule')}
            value={ownModel.rule}
            allowDeselect={false}
            data-testid="own-model-rule"
            data={RULES.map((rule) => ({ value: rule, label: t(`sessions.model.rules.${rule}`) }))}
            onChange={(value) => choose(ownModel.modelId, value as AnswerRule)}
          />
          {ownModel.rule !== 'asked' && <p className={classes.hint}>{t('sessions.model.loop')}</p>}
          {estimate !== null && <EstimateLine estimate={estimate} />}
          {ownModel.answering ? (
            <Button
              variant="default"
              leftSection={<IconPlayerStop size={16} stroke={1.5} />}
              onClick={() => void callOrNotify('session', 'sessions:stop-model', { sessionId })}
            >
              {t('sessions.model.stop')}
            </Button>
          ) : (
            <Button
              variant="default"
              leftSection={<IconSparkles size={16} stroke={1.5} />}
              disabled={view.turns.length === 0}
              data-testid="own-model-ask"
              onClick={() => void callOrNotify('session', 'sessions:ask-model', { sessionId, inReplyTo: null })}
            >
              {t('sessions.model.ask')}
            </Button>
          )}
        </>
      )}
      {ownModel.error !== null && (
        <p className={classes.error} role="alert" data-testid="own-model-error">
          {failureText(ownModel.error)}
        </p>
      )}
      <OwnModelDialog
        key={dialog === null ? 'closed' : dialog === 'new' ? 'new' : dialog.id}
        model={dialog}
        onClose={() => setDialog(null)}
        onSaved={setModels}
      />
    </section>
  );
}
