import { Button, Modal } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { forgetLink, useLinkStore } from '../stores/link-store';
import classes from './LinkQuestion.module.css';
import { callOrNotify } from './notify';

/** Asks before an address of a conversation is opened: says where it really leads, whatever its text claims. */
export function LinkQuestion() {
  const { t } = useTranslation();
  const address = useLinkStore((state) => state.address);
  const open = async (): Promise<void> => {
    if (address === null) return;
    forgetLink();
    await callOrNotify('openLink', 'app:open-link', { url: address });
  };
  return (
    <Modal
      opened={address !== null}
      onClose={forgetLink}
      title={t('link.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      centered
    >
      {address !== null && (
        <>
          <p className={classes.host}>{new URL(address).host}</p>
          <p className={classes.address} data-testid="link-address">
            {address}
          </p>
          <p className={classes.hint}>{t('link.hint')}</p>
          <div className={classes.buttons}>
            <Button variant="default" onClick={forgetLink} data-autofocus>
              {t('common.cancel')}
            </Button>
            <Button onClick={() => void open()} data-testid="link-open">
              {t('link.open')}
            </Button>
          </div>
        </>
      )}
    </Modal>
  );
}
