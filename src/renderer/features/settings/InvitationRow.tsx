import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { failureText } from '../../format/failures';
import { useSnapshot } from '../../stores/snapshot-store';
import { invitationCodeOf } from '../../format/invitation-code';
import { SecretRow } from './SecretRow';

/** The code that lets this computer into a coordinator of members. */
export function InvitationRow() {
  const { t } = useTranslation();
  const stored = useSnapshot(({ hasInvitation }) => hasInvitation);
  const coordinator = useSnapshot(({ settings }) => settings.coordinator);
  const refusal = useSnapshot(({ node: { state } }) =>
    'error' in state && state.error.code === 'proof-refused' ? failureText(state.error) : null,
  );
  const save = async (text: string | null): Promise<boolean> => {
    const invitation = text === null ? null : invitationCodeOf(text);
    return (await callOrNotify('invitation', 'settings:set-invitation', { invitation })).ok;
  };
  return (
    <SecretRow
      // What is typed for one coordinator is never kept for the next one.
      key={coordinator.kind === 'embedded' ? '' : coordinator.url}
      name="invitation"
      stored={stored}
      save={save}
      problemOf={(text) => (invitationCodeOf(text) === null ? t('settings.invitation.invalid') : null)}
      refusal={refusal}
    />
  );
}
