import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../components/EmptyState';
import { showScreen } from '../stores/ui-store';
import classes from './App.module.css';

interface Props {
  readonly children: ReactNode;
}

interface CrashState {
  readonly error: Error | null;
}

function Crash({ message, onBack }: { readonly message: string; readonly onBack: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.crash} role="alert">
      <EmptyState
        icon={IconAlertTriangle}
        tone="attention"
        title={t('app.crashTitle')}
        action={<Button onClick={onBack}>{t('app.crashBack')}</Button>}
      >
        {t('app.crashBody', { message })}
      </EmptyState>
    </div>
  );
}

/** Keeps a screen that breaks from taking the window with it, and offers a way back. */
export class ErrorBoundary extends Component<Props, CrashState> {
  override state: CrashState = { error: null };

  static getDerivedStateFromError(error: unknown): CrashState {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    const goBack = (): void => {
      showScreen('dashboard');
      this.setState({ error: null });
    };
    return <Crash message={error.message} onBack={goBack} />;
  }
}
