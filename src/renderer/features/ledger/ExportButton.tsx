import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LedgerExportFormat } from '../../../contract';
import { callOrNotify, notifyDone } from '../../app/notify';

/** Writes every entry of this computer to a file. */
export function ExportButton() {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const write = async (format: LedgerExportFormat): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('exportLedger', 'ledger:export', { format });
    if (result.ok && result.value) notifyDone(t('ledger.exportDone'));
    setBusy(false);
  };
  return (
    <Menu>
      <Menu.Target>
        <Button
          variant="default"
          loading={busy}
          leftSection={<IconDownload size={16} stroke={1.5} />}
          data-testid="ledger-export"
        >
          {t('ledger.export')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item data-testid="ledger-export-csv" onClick={() => void write('csv')}>
          {t('ledger.exportCsv')}
        </Menu.Item>
        <Menu.Item data-testid="ledger-export-jsonl" onClick={() => void write('jsonl')}>
          {t('ledger.exportJsonl')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
