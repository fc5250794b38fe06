/** Name and version of this program, as manifests record who made them. */
import { readFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

export const software = `${name} ${version}`;
