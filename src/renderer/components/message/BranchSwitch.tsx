import { ActionIcon } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { BranchPlace } from '../../../protocol/conversation/reading';
import classes from './Parts.module.css';

interface BranchSwitchProps {
  readonly place: BranchPlace;
  readonly onShow: (messageId: string) => void;
  readonly disabled?: boolean;
}

/** ‹ 2/3 ›: goes to the other answers under one question. Nothing where there is only one. */
export function BranchSwitch({ place, onShow, disabled = false }: BranchSwitchProps) {
  const { t } = useTranslation();
  const { position, count, previousId, nextId } = place;
  if (count < 2) return null;
  return (
    <span className={classes.branch} role="group" aria-label={t('message.branches')} data-testid="branch-switch">
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={t('message.previousBranch')}
        disabled={disabled || previousId === null}
        data-testid="branch-previous"
        onClick={() => previousId !== null && onShow(previousId)}
      >
        <IconChevronLeft size={16} stroke={1.5} />
      </ActionIcon>
      <span className={classes.branchPlace}>
        {position}/{count}
      </span>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={t('message.nextBranch')}
        disabled={disabled || nextId === null}
        data-testid="branch-next"
        onClick={() => nextId !== null && onShow(nextId)}
      >
        <IconChevronRight size={16} stroke={1.5} />
      </ActionIcon>
    </span>
  );
}
