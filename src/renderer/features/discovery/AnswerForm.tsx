import { Button, Select, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ChallengeView } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { formatAmount } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Discovery.module.css';

interface AnswerFormProps {
  readonly handshakeId: string;
  readonly challenge: ChallengeView;
}

interface Draft {
  readonly text: string;
  readonly modelId: string;
  readonly microGft: number;
}

/** What a draft would cost, in micro-GFT; null where it cannot be said. */
function useDraftCost(modelId: string | null, prompt: string): number | null {
  const [known, setKnown] = useState<{ readonly for: string; readonly cost: number | null } | null>(null);
  const key = `${modelId ?? ''}\n${prompt}`;
  useEffect(() => {
    let isCurrent = true;
    if (modelId === null) return undefined;
    void callTore('chat:estimate', { conversationId: null, modelId, text: prompt }).then((result) => {
      if (isCurrent && result.ok) setKnown({ for: key, cost: result.value.estimatedMicroGft });
    });
    return () => {
      isCurrent = false;
    };
  }, [modelId, prompt, key]);
  return known?.for === key ? known.cost : null;
}

/** An answer written by a person, or drafted by a model and then read by a person. Nothing is sent by itself. */
export function AnswerForm({ handshakeId, challenge }: AnswerFormProps) {
  const { t } = useTranslation();
  const models = useSnapshot((snapshot) => snapshot.models);
  const [text, setText] = useState('');
  const [draft, setDraft] = useState<Draft | null>(null);
  const [isDrafting, setDrafting] = useState(false);
  const available = models.filter((model) => model.pipelineAvailable);
  const wanted = available.find(({ modelId }) => modelId === challenge.modelId) ?? available[0];
  const [chosen, setChosen] = useState<string | null>(null);
  const modelId = chosen ?? wanted?.modelId ?? null;
  const cost = useDraftCost(modelId, challenge.prompt);
  const letDraft = async (): Promise<void> => {
    if (modelId === null) return;
    setDrafting(true);
    const result = await callOrNotify('handshake', 'handshake:draft-answer', {
      handshakeId,
      challengeId: challenge.id,
      modelId,
    });
    setDrafting(false);
    if (!result.ok) return;
    setDraft(result.value);
    setText(result.value.text);
  };
  const send = (): Promise<unknown> =>
    callOrNotify('handshake', 'handshake:respond', {
      handshakeId,
      challengeId: challenge.id,
      text: text.trim(),
      // A draft that a person has rewritten is the person's.
      modelId: draft !== null && draft.text === text ? draft.modelId : null,
    });
  return (
    <div className={classes.stack}>
      <Textarea
        label={t('discovery.challenge.answer')}
        value={text}
        autosize
        minRows={2}
        maxRows={16}
        maxLength={60_000}
        onChange={(event) => setText(event.currentTarget.value)}
        data-testid="answer-text"
      />
      {draft !== null && (
        <p className={classes.quiet}>{t('discovery.challenge.draftCost', { amount: formatAmount(draft.microGft) })}</p>
      )}
      <div className={classes.actions}>
        <Button onClick={() => void send()} disabled={text.trim() === ''} data-testid="answer-send">
          {t('discovery.challenge.send')}
        </Button>
        {available.length > 0 && (
          <>
            <Button variant="default" onClick={() => void letDraft()} loading={isDrafting}>
              {t('discovery.challenge.draft')}
            </Button>
            <Select
              aria-label={t('discovery.challenge.draftModel')}
              allowDeselect={false}
              data={available.map((model) => ({ value: model.modelId, label: model.friendlyName }))}
              value={modelId}
              onChange={setChosen}
            />
            {cost !== null && (
              <span className={classes.quiet}>
                {t('discovery.challenge.draftCostBefore', { amount: formatAmount(cost) })}
              </span>
            )}
          </>
        )}
      </div>
    </div>
  );
}
