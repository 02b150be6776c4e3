import { useState } from 'react';
import type { BranchPlace } from '../../../protocol/conversation/reading';
import { callOrNotify } from '../../app/notify';
import { BranchSwitch } from '../../components/message/BranchSwitch';
import { keepConversation } from '../../stores/chat-store';

interface EntryBranchProps {
  readonly conversationId: string;
  readonly place: BranchPlace;
}

/** Goes to the other branches beside an entry; the chosen one is remembered. */
export function EntryBranch({ conversationId, place }: EntryBranchProps) {
  const [busy, setBusy] = useState(false);
  const show = async (messageId: string): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('showBranch', 'chat:show-branch', { conversationId, messageId });
    setBusy(false);
    if (result.ok) keepConversation(result.value);
  };
  return <BranchSwitch place={place} disabled={busy} onShow={(messageId) => void show(messageId)} />;
}
