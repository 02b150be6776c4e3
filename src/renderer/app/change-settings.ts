import type { SettingsPatch } from '../../contract';
import { callOrNotify } from './notify';

/** Changes settings; a refusal is shown, and the controls go back to what main holds. */
export async function changeSettings(patch: SettingsPatch): Promise<boolean> {
  const result = await callOrNotify('settings', 'settings:update', patch);
  return result.ok;
}
