import { notifications } from '@mantine/notifications';
import i18next from 'i18next';
import type { CallInput, CallOutput, WindowChannel } from '../../contract';
import type { Failure } from '../../protocol/result';
import { failureText } from '../format/failures';
import type { en } from '../i18n/en';
import { callTore } from '../stores/tore-api';

type FailureTitle = keyof typeof en.failure;

/** Long enough to read a sentence or two and act on it. */
const SHOWN_MS = 12_000;

/** Shows what did not work, why, and what to do. */
export function notifyFailure(title: FailureTitle, error: Failure): void {
  // One note per kind of failure: trying again must not pile them up. One that is in view would keep its old words.
  notifications.hide(`failure-${title}`);
  notifications.show({
    id: `failure-${title}`,
    title: i18next.t(`failure.${title}`),
    message: failureText(error),
    color: 'coral',
    autoClose: SHOWN_MS,
    role: 'alert',
    closeButtonProps: { 'aria-label': i18next.t('common.close') },
  });
}

/** Calls main and shows a failure; for calls whose answer needs no place of its own on the screen. */
export async function callOrNotify<Name extends WindowChannel>(
  title: FailureTitle,
  channel: Name,
  input: CallInput<Name>,
): Promise<CallOutput<Name>> {
  const result = await callTore(channel, input);
  if (result.ok) notifications.hide(`failure-${title}`);
  else notifyFailure(title, result.error);
  return result;
}

/** Says that something was done whose result is not on the screen. */
export function notifyDone(message: string): void {
  notifications.show({ message, closeButtonProps: { 'aria-label': i18next.t('common.close') } });
}
