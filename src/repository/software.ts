/** Name and version of this program, as manifests record who made them. */
import description from '../../package.json' with { type: 'json' };

export const software = `${description.name} ${description.version}`;
