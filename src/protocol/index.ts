/** Door of the protocol room: pure schemas, types, formulas and codecs of the tore family. */
export * from './result';
export * from './compute/model';
export * from './compute/flops';
export * from './compute/formulas';
export * from './compute/micro-gft';
export * from './compute/baseline-challenge';
export * from './compute/node-snapshot';
export * from './compute/http/nodes';
export * from './compute/http/shards';
export * from './compute/http/tasks';
export * from './compute/http/tokens';
export * from './compute/http/inference';
export * from './compute/http/grid';
export * from './compute/http/service';
export * from './wire/limits';
export * from './wire/activation-frame';
export * from './wire/messages';
