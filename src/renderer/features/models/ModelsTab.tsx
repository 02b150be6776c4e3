import { LayerChoiceCard } from '../contribute/LayerChoiceCard';
import { ShardCard } from '../contribute/ShardCard';
import contribute from '../contribute/Contribute.module.css';
import { DiskCard } from './DiskCard';
import { ModelsCard } from './ModelsCard';
import { MoveConsentCard } from './MoveConsentCard';

/** Which layers are served and why, which models there are, and the room they take. */
export function ModelsTab() {
  return (
    <>
      <ShardCard />
      <ModelsCard />
      <div className={contribute.columns}>
        <LayerChoiceCard />
        <MoveConsentCard />
      </div>
      <DiskCard />
    </>
  );
}
