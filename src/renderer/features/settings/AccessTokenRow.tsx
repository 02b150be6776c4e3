import { callOrNotify } from '../../app/notify';
import { useSnapshot } from '../../stores/snapshot-store';
import { SecretRow } from './SecretRow';

/** The secret a remote coordinator asks for. */
export function AccessTokenRow() {
  const stored = useSnapshot(({ hasRemoteAccessToken }) => hasRemoteAccessToken);
  const save = async (accessToken: string | null): Promise<boolean> =>
    (await callOrNotify('token', 'settings:set-access-token', { accessToken })).ok;
  return <SecretRow name="accessToken" stored={stored} save={save} />;
}
