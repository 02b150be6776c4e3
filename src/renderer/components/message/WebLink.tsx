import { UnstyledButton } from '@mantine/core';
import type { ReactNode } from 'react';
import { webAddressOf } from '../../../protocol/documents/web-address';
import { askToOpenLink } from '../../stores/link-store';
import classes from './MarkdownText.module.css';

interface WebLinkProps {
  readonly address: string;
  readonly children: ReactNode;
}

/** A link of a conversation: a button that asks before the system's browser opens it. Any other address is plain text. */
export function WebLink({ address, children }: WebLinkProps) {
  const known = webAddressOf(address);
  if (known === null) return <span title={address}>{children}</span>;
  return (
    <UnstyledButton
      component="span"
      role="link"
      tabIndex={0}
      className={classes.link}
      title={known}
      onClick={() => askToOpenLink(known)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') askToOpenLink(known);
      }}
    >
      {children}
    </UnstyledButton>
  );
}
