import { callOrNotify } from '../../app/notify';
import { useSnapshot } from '../../stores/snapshot-store';
import { SecretRow } from './SecretRow';

/** The secret the coordinator in use asks for. */
export function AccessTokenRow() {
  const stored = useSnapshot(({ hasRemoteAccessToken }) => hasRemoteAccessToken);
  const coordinator = useSnapshot(({ settings }) => settings.coordinator);
  if (coordinator.kind === 'embedded') return null;
  const { url } = coordinator;
  const save = async (accessToken: string | null): Promise<boolean> =>
    (await callOrNotify('token', 'settings:set-access-token', { url, accessToken })).ok;
  // What is typed for one coordinator is never kept for the next one.
  return <SecretRow key={url} name="accessToken" stored={stored} save={save} />;
}
