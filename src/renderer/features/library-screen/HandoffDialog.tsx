import { Alert, Button, Loader, Modal, Select, Textarea } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HandoffDraft } from '../../../contract';
import type { ContextSnapshot } from '../../../protocol/conversation/conversation';
import { callOrNotify } from '../../app/notify';
import { SNAPSHOT_LISTS } from '../../components/message/SnapshotLists';
import { failureText } from '../../format/failures';
import { fetchConversation, openConversation, pickModel, useChatStore } from '../../stores/chat-store';
import { useSnapshot } from '../../stores/snapshot-store';
import { callTore } from '../../stores/tore-api';
import { focusComposer, showScreen } from '../../stores/ui-store';
import { chooseModel } from '../chat/choose-model';
import classes from './HandoffDialog.module.css';

interface HandoffDialogProps {
  readonly id: string;
  /** The message to go on from. */
  readonly through: string | null;
  readonly onClose: () => void;
}

/** Lists are edited as lines. */
function linesOf(entries: readonly string[]): string {
  return entries.join('\n');
}

function entriesOf(lines: string): string[] {
  return lines
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

interface Draft {
  readonly source: HandoffDraft;
  readonly reason: string;
  readonly needs: string;
  readonly summary: string;
  readonly lists: Readonly<Record<(typeof SNAPSHOT_LISTS)[number], string>>;
}

function editable(source: HandoffDraft): Draft {
  const { handoff, snapshot } = source;
  return {
    source,
    reason: handoff.reason,
    needs: linesOf(handoff.needs),
    summary: snapshot?.summary ?? '',
    lists: {
      goals: linesOf(snapshot?.goals ?? []),
      decisions: linesOf(snapshot?.decisions ?? []),
      open_questions: linesOf(snapshot?.open_questions ?? []),
      facts: linesOf(snapshot?.facts ?? []),
      constraints: linesOf(snapshot?.constraints ?? []),
    },
  };
}

function snapshotOf(draft: Draft): ContextSnapshot | null {
  const { snapshot } = draft.source;
  if (snapshot === null) return null;
  return {
    ...snapshot,
    summary: draft.summary,
    goals: entriesOf(draft.lists.goals),
    decisions: entriesOf(draft.lists.decisions),
    open_questions: entriesOf(draft.lists.open_questions),
    facts: entriesOf(draft.lists.facts),
    constraints: entriesOf(draft.lists.constraints),
  };
}

type Drafting = { readonly kind: 'idle' } | { readonly kind: 'working' } | { readonly kind: 'failed'; message: string };

/**
 * Goes on with another model: the handoff and what the model is told in place of a long history, drafted by rules at once
 * and by the model where it is able, both to be changed before they are used.
 */
export function HandoffDialog({ id, through, onClose }: HandoffDialogProps) {
  const { t } = useTranslation();
  const models = useSnapshot((snapshot) => snapshot.models);
  const served = useSnapshot(({ coverage }) => coverage?.modelId ?? null);
  const inChat = useChatStore(({ pickedModelId }) => pickedModelId);
  const [picked, setPicked] = useState(inChat);
  const model = chooseModel(models, picked, served);
  const modelId = model?.modelId ?? null;
  const [draft, setDraft] = useState<Draft | null>(null);
  const [drafting, setDrafting] = useState<Drafting>({ kind: 'idle' });
  const [busy, setBusy] = useState(false);
  const touched = useRef(false);

  useEffect(() => {
    if (modelId === null) return undefined;
    let current = true;
    const request = { id, through, modelId };
    void callOrNotify('draft', 'library:draft-handoff', request).then(async (rules) => {
      if (!current || !rules.ok) return;
      setDraft((known) =>
        known !== null && touched.current ? { ...known, source: rules.value } : editable(rules.value),
      );
      if (rules.value.modelHindrance !== null || touched.current) return;
      setDrafting({ kind: 'working' });
      const better = await callTore('library:draft-with-model', request);
      if (!current) return;
      setDrafting(better.ok ? { kind: 'idle' } : { kind: 'failed', message: failureText(better.error) });
      // What the person typed meanwhile counts more.
      if (better.ok && !touched.current) setDraft(editable(better.value));
    });
    return () => {
      current = false;
      setDrafting({ kind: 'idle' });
      void callTore('library:cancel-draft', null);
    };
  }, [id, through, modelId]);

  const change = (next: Partial<Draft>): void => {
    touched.current = true;
    if (draft !== null) setDraft({ ...draft, ...next });
  };

  const goOn = async (): Promise<void> => {
    if (draft === null || modelId === null) return;
    setBusy(true);
    const result = await callOrNotify('continue', 'library:continue', {
      id,
      through,
      modelId,
      handoff: { ...draft.source.handoff, reason: draft.reason, needs: entriesOf(draft.needs) },
      snapshot: snapshotOf(draft),
    });
    setBusy(false);
    if (!result.ok) return;
    onClose();
    pickModel(modelId);
    openConversation(id);
    void fetchConversation(id);
    showScreen('chat');
    focusComposer();
  };

  return (
    <Modal
      opened
      onClose={onClose}
      title={t('handoff.title')}
      size="lg"
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <div className={classes.form}>
        <Select
          label={t('handoff.model')}
          placeholder={t('chat.noModels')}
          data={models.map(({ modelId: value, friendlyName }) => ({ value, label: friendlyName }))}
          value={modelId}
          allowDeselect={false}
          disabled={models.length === 0}
          onChange={setPicked}
          data-testid="handoff-model"
        />
        {draft !== null && draft.source.modelHindrance !== null && (
          <p className={classes.quiet} data-testid="handoff-hindrance">
            {draft.source.modelHindrance}
          </p>
        )}
        {drafting.kind === 'working' && (
          <p className={classes.working} role="status">
            <Loader size={14} />
            {t('handoff.drafting', { model: model?.friendlyName ?? '' })}
            <Button variant="subtle" size="xs" onClick={() => void callTore('library:cancel-draft', null)}>
              {t('handoff.keepRules')}
            </Button>
          </p>
        )}
        {drafting.kind === 'failed' && (
          <Alert color="amber" icon={<IconInfoCircle size={18} stroke={1.5} />}>
            {drafting.message} {t('handoff.rulesStay')}
          </Alert>
        )}
        {draft !== null && (
          <>
            <Textarea
              label={t('handoff.reason')}
              autosize
              minRows={1}
              maxRows={4}
              value={draft.reason}
              onChange={(event) => change({ reason: event.currentTarget.value })}
              data-testid="handoff-reason"
            />
            <Textarea
              label={t('handoff.needs')}
              description={t('handoff.linesHint')}
              autosize
              minRows={1}
              maxRows={6}
              value={draft.needs}
              onChange={(event) => change({ needs: event.currentTarget.value })}
            />
            {draft.source.snapshot !== null && (
              <fieldset className={classes.snapshot}>
                <legend>{t('handoff.snapshot')}</legend>
                <p className={classes.quiet}>{t('handoff.snapshotHint')}</p>
                <Textarea
                  label={t('snapshot.summary')}
                  autosize
                  minRows={2}
                  maxRows={8}
                  value={draft.summary}
                  onChange={(event) => change({ summary: event.currentTarget.value })}
                />
                {SNAPSHOT_LISTS.map((name) => (
                  <Textarea
                    key={name}
                    label={t(`snapshot.${name}`)}
                    autosize
                    minRows={1}
                    maxRows={6}
                    value={draft.lists[name]}
                    onChange={(event) => change({ lists: { ...draft.lists, [name]: event.currentTarget.value } })}
                  />
                ))}
              </fieldset>
            )}
          </>
        )}
      </div>
      <div className={classes.buttons}>
        <Button variant="default" onClick={onClose}>
          {t('common.cancel')}
        </Button>
        <Button
          disabled={draft === null || modelId === null || draft.reason.trim() === ''}
          loading={busy}
          data-testid="handoff-continue"
          onClick={() => void goOn()}
        >
          {t('handoff.continue')}
        </Button>
      </div>
    </Modal>
  );
}
