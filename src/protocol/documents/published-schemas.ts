import type { TSchema } from 'typebox';
import { LedgerCheckpoint } from '../compute/ledger-checkpoint';
import { Conversation } from '../conversation/conversation';
import { Project } from '../project/project';
import { GroupSession } from '../session/session';
import { Agreement } from '../trust/agreement';
import { DiscoveryRecord } from '../trust/discovery';
import type { DocumentKind } from './read-document';

/** One of the JSON Schemas under `schemas/`. */
export interface PublishedSchema {
  readonly kind: DocumentKind | 'ledger-checkpoint';
  readonly fileName: string;
  /** URN with the version of the schema at its end; it rises when a valid document would become invalid. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly schema: TSchema;
}

/** The published schemas are the objects the validators are compiled from, so the two cannot drift apart. */
export const PUBLISHED_SCHEMAS: readonly PublishedSchema[] = [
  {
    kind: 'discovery',
    fileName: 'tore-0002-discovery.schema.json',
    id: 'urn:tore:schema:tore-0002:discovery:1',
    title: 'Discovery record (tore-0002)',
    description: 'What a node says about itself, signed with its key.',
    schema: DiscoveryRecord,
  },
  {
    kind: 'agreement',
    fileName: 'tore-0002-agreement.schema.json',
    id: 'urn:tore:schema:tore-0002:agreement:1',
    title: 'Collaboration agreement (tore-0002)',
    description: 'What two or more parties agreed on, signed by each of them.',
    schema: Agreement,
  },
  {
    kind: 'session',
    fileName: 'tore-0003.schema.json',
    id: 'urn:tore:schema:tore-0003:1',
    title: 'Group session (tore-0003)',
    description: 'A conversation of several people and models on several platforms.',
    schema: GroupSession,
  },
  {
    kind: 'project',
    fileName: 'tore-0004.schema.json',
    id: 'urn:tore:schema:tore-0004:1',
    title: 'Project (tore-0004)',
    description: 'Conversations that belong together, with their instructions and files.',
    schema: Project,
  },
  {
    kind: 'conversation',
    fileName: 'tore-0005.schema.json',
    id: 'urn:tore:schema:tore-0005:1',
    title: 'Conversation (tore-0005)',
    description: 'One conversation that can be moved between products.',
    schema: Conversation,
  },
  {
    kind: 'ledger-checkpoint',
    fileName: 'tore-0001-ledger-checkpoint.schema.json',
    id: 'urn:tore:schema:tore-0001:ledger-checkpoint:1',
    title: 'Checkpoint of a ledger (tore-0001)',
    description: 'What a coordinator says about its ledger at one moment, signed with its key.',
    schema: LedgerCheckpoint,
  },
];

/** The file's content: a JSON Schema 2020-12 that stands alone. */
export function schemaDocument({ id, title, description, schema }: PublishedSchema): Readonly<Record<string, unknown>> {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: id, title, description, ...schema };
}
