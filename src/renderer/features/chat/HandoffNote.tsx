import { IconArrowsExchange } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { ConversationView } from '../../../contract';
import { SnapshotLists } from '../../components/message/SnapshotLists';
import classes from './Chat.module.css';

function modelOf(side: { readonly platform: string; readonly model?: unknown }): string {
  const { model, platform } = side;
  if (typeof model === 'string') return `${platform}, ${model}`;
  if (typeof model === 'object' && model !== null && 'model_id' in model)
    return `${platform}, ${String(model.model_id)}`;
  return platform;
}

/** Says where the conversation came from, why, and what stands in for its early history when the window is short. */
export function HandoffNote({ view }: { readonly view: ConversationView }) {
  const { t } = useTranslation();
  const { handoff, contextSnapshot } = view;
  if (handoff === null) return null;
  return (
    <details className={classes.handoff} data-testid="handoff-note">
      <summary>
        <IconArrowsExchange size={16} stroke={1.5} aria-hidden="true" />
        {t('chat.continuedFrom', { from: modelOf(handoff.from) })}
      </summary>
      <p>{handoff.reason}</p>
      {handoff.needs.length > 0 && (
        <ul>
          {handoff.needs.map((need) => (
            <li key={need}>{need}</li>
          ))}
        </ul>
      )}
      {contextSnapshot !== null && (
        <>
          <p className={classes.quiet}>{t('chat.snapshotHint')}</p>
          <SnapshotLists snapshot={contextSnapshot} />
        </>
      )}
    </details>
  );
}
