import { Button, Checkbox, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { LibraryProject } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { openProject } from '../../stores/library-store';
import classes from './Project.module.css';

interface MergeProjectsProps {
  readonly projects: readonly LibraryProject[];
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** Makes one project of several; those stay as they are. */
export function MergeProjects({ projects, opened, onClose }: MergeProjectsProps) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [busy, setBusy] = useState(false);
  const merge = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('project', 'project:merge', { name: name.trim(), ids: [...chosen] });
    setBusy(false);
    if (!result.ok) return;
    onClose();
    openProject(result.value);
  };
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('library.mergeProjects')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
      centered
    >
      <p className={classes.quiet}>{t('library.mergeHint')}</p>
      <Checkbox.Group value={[...chosen]} onChange={setChosen} aria-label={t('library.projects')}>
        <div className={classes.choices}>
          {projects.map(({ id, title }) => (
            <Checkbox key={id} value={id} label={title} />
          ))}
        </div>
      </Checkbox.Group>
      <TextInput
        label={t('project.name')}
        value={name}
        maxLength={1_000}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <div className={classes.buttons}>
        <Button variant="default" onClick={onClose}>
          {t('common.cancel')}
        </Button>
        <Button disabled={chosen.length < 2 || name.trim() === ''} loading={busy} onClick={() => void merge()}>
          {t('library.merge')}
        </Button>
      </div>
    </Modal>
  );
}
