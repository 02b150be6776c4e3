/** The door of what a party of tore-0002 does at a coordinator, whether its computer serves anything or not. */
export { systemClock } from '../clock';
export { requestSigner } from '../identity/request-signer';
export { InboxWatch } from './inbox-watch';
export { PartyClient } from './party-client';
