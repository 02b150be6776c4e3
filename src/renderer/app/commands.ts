import type { TFunction } from 'i18next';
import type { Icon } from '@tabler/icons-react';
import { foldForSearch } from '../format/fold';

/** Something the palette can do. */
export interface Command {
  /** Unique among all commands, as `chat:new`. */
  readonly id: string;
  /** Heading it stands under. */
  readonly group: string;
  readonly label: string;
  /** One short line below the label. */
  readonly description?: string | undefined;
  /** Other words people type for it. */
  readonly keywords?: string | undefined;
  /** As written at the right, for example `Ctrl+1`. */
  readonly shortcut?: string | undefined;
  readonly icon: Icon;
  readonly run: () => void;
}

/** A feature's commands as of now; asked whenever the palette opens, so it reads stores with `getState`. */
export type CommandSource = (t: TFunction) => readonly Command[];

const sources = new Map<string, CommandSource>();

/**
 * Adds a feature's commands to the palette. A second registration under the same name takes the place of the first.
 *
 * @returns the function that takes them out again
 */
export function registerCommands(feature: string, source: CommandSource): () => void {
  sources.set(feature, source);
  return () => {
    if (sources.get(feature) === source) sources.delete(feature);
  };
}

/** All commands of all features, in the order the features registered. */
export function allCommands(t: TFunction): readonly Command[] {
  return [...sources.values()].flatMap((source) => source(t));
}

/**
 * Commands that hold every word of the query, those whose label begins with it first. An empty query keeps all in
 * their order.
 */
export function findCommands(commands: readonly Command[], query: string): readonly Command[] {
  const asked = foldForSearch(query).trim();
  if (asked === '') return commands;
  const words = asked.split(/\s+/);
  const rank = (command: Command): number => {
    const label = foldForSearch(command.label);
    if (label.startsWith(asked)) return 0;
    return words.every((word) => label.includes(word)) ? 1 : 2;
  };
  return commands
    .filter((command) => {
      const text = foldForSearch([command.label, command.description, command.keywords, command.group].join(' '));
      return words.every((word) => text.includes(word));
    })
    .toSorted((one, other) => rank(one) - rank(other));
}
