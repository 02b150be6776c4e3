import { useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyButton } from '../CopyButton';
import classes from './MarkdownText.module.css';

/** Code with a button that copies it. */
export function CodeBlock({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  const ref = useRef<HTMLPreElement>(null);
  return (
    <div className={classes.code}>
      <pre ref={ref} tabIndex={0} aria-label={t('message.code')} role="group">
        {children}
      </pre>
      <div className={classes.copy}>
        <CopyButton text={() => ref.current?.textContent ?? ''} label={t('message.copyCode')} />
      </div>
    </div>
  );
}
