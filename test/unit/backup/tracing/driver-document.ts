/** The document in /proc as the drivers print it: tabs, a field a line, and nothing escaped. */
export interface DriverFields {
  readonly minor: number;
  readonly cow_file: string;
  readonly block_device: string;
  readonly [field: string]: number | string;
}

export function driverDocument(version: string, devices: readonly DriverFields[]): string {
  const all = devices.map((fields) => {
    const lines = Object.entries(fields).map(([name, value]) => {
      return `\t\t\t"${name}": ${typeof value === 'string' ? `"${value}"` : value}`;
    });
    return `\t\t{\n${lines.join(',\n')}\n\t\t}`;
  });
  return `{\n\t"version": "${version}",\n\t"devices": [\n${all.join(',\n')}\n\t]\n}\n`;
}
