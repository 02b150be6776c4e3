import { UnstyledButton } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { ModelSummary } from '../../../contract';
import { Mark } from '../../components/Mark';
import { NEW_CONVERSATION, setDraft } from '../../stores/chat-store';
import { focusComposer } from '../../stores/ui-store';
import classes from './Chat.module.css';
import { isDemonstrationModel } from './choose-model';

const SUGGESTIONS = ['shard', 'gft', 'earn', 'story'] as const;

/** The empty page: what happens to a question, and some to start with. */
export function FirstQuestions({ model }: { readonly model: ModelSummary | null }) {
  const { t } = useTranslation();
  const demonstration = isDemonstrationModel(model);
  return (
    <div className={classes.first}>
      <Mark width={64} />
      <h2 className={classes.firstTitle}>{t('chat.emptyTitle')}</h2>
      <p className={classes.quiet}>{t('chat.emptyLead')}</p>
      <p className={classes.quiet}>{t('chat.privacyHint')}</p>
      {demonstration && (
        <>
          <p className={classes.firstHint}>{t('chat.emptyTiny')}</p>
          <ul className={classes.suggestions}>
            {SUGGESTIONS.map((name) => (
              <li key={name}>
                <UnstyledButton
                  className={classes.suggestion}
                  onClick={() => {
                    setDraft(NEW_CONVERSATION, t(`chat.suggestions.${name}`));
                    focusComposer();
                  }}
                >
                  {t(`chat.suggestions.${name}`)}
                </UnstyledButton>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
