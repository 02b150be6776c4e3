import { LayerChoiceCard } from '../contribute/LayerChoiceCard';
import { MoveQuestion } from '../contribute/MoveQuestion';
import { ShardCard } from '../contribute/ShardCard';
import { DiskCard } from './DiskCard';
import { ModelsCard } from './ModelsCard';

/** Which layers are served and why, which models there are, and the room they take. */
export function ModelsTab() {
  return (
    <>
      <MoveQuestion />
      <ShardCard />
      <ModelsCard />
      <LayerChoiceCard />
      <DiskCard />
    </>
  );
}
