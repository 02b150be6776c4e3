import { administration } from './en/administration';
import { challenges } from './en/challenges';
import { chat } from './en/chat';
import { contribute } from './en/contribute';
import { dashboard } from './en/dashboard';
import { discovery } from './en/discovery';
import { frame } from './en/frame';
import { hosts } from './en/hosts';
import { help } from './en/help';
import { ledger } from './en/ledger';
import { pause } from './en/pause';
import { library } from './en/library';
import { models } from './en/models';
import { policy } from './en/policy';
import { sessions } from './en/sessions';
import { settings } from './en/settings';
import { statistics } from './en/statistics';
import { welcome } from './en/welcome';

/** Every text a person can see, in English. Numbers and dates arrive formatted. */
export const en = {
  ...frame,
  ...library,
  administration,
  welcome,
  dashboard,
  contribute,
  challenges,
  chat,
  discovery,
  hosts,
  help,
  ledger,
  models,
  sessions,
  settings,
  pause,
  policy,
  statistics,
} as const;
