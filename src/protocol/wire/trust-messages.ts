import { Base64, message } from './message-fields';

/**
 * Handshake messages wait for a key (tore-0002). Goes to the connection that proved the key; the messages themselves are
 * asked for with a signed inbox request. Not numbered: whoever connects asks anyway.
 */
export const InboxChangedMessage = message('inbox-changed', { public_key: Base64 });
