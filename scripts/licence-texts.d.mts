import type { Plugin } from 'vite';

/** Vite's list of a bundle (`build.license`): name, version, identifier and text of every package in it. */
export const LICENCE_LIST: string;

/** Writes the licences of all bundled packages beside the page when the window is bundled, which is after main. */
export function licencePlugin(): Plugin;
