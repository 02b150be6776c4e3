import type { TrustView } from '../../../contract';
import { CreateKeyCard } from './CreateKeyCard';
import { KeyCard } from './KeyCard';
import { OwnRecordCard } from './OwnRecordCard';

/** The own key and the own record. */
export function YouTab({ view }: { readonly view: TrustView }) {
  if (view.key === null) return <CreateKeyCard />;
  return (
    <>
      <KeyCard keyView={view.key} />
      <OwnRecordCard view={view} />
    </>
  );
}
