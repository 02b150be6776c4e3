import { administration } from './tr/administration';
import { challenges } from './tr/challenges';
import { chat } from './tr/chat';
import { contribute } from './tr/contribute';
import { dashboard } from './tr/dashboard';
import { discovery } from './tr/discovery';
import { frame } from './tr/frame';
import { hosts } from './tr/hosts';
import { help } from './tr/help';
import { ledger } from './tr/ledger';
import { pause } from './tr/pause';
import { library } from './tr/library';
import { models } from './tr/models';
import { policy } from './tr/policy';
import { sessions } from './tr/sessions';
import { settings } from './tr/settings';
import { statistics } from './tr/statistics';
import { welcome } from './tr/welcome';

/** Every text a person can see, in Turkish, under the keys of the English ones. */
export const tr = {
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
