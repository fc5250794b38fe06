/** Lines for a terminal of so many columns, broken between words; what goes on is indented as the line, and by two more. */
export function wrapped(line: string, columns: number): string[] {
  const [indent = ''] = /^ */.exec(line) ?? [];
  const lines: string[] = [];
  let at = '';
  // Blanks within a line are its own: columns stay columns.
  for (const word of line.slice(indent.length).match(/ *[^ ]+/g) ?? ['']) {
    if (at === '') at = lines.length === 0 ? indent + word : `${indent}  ${word.trimStart()}`;
    else if (at.length + word.length < columns) at += word;
    else {
      lines.push(at);
      at = `${indent}  ${word.trimStart()}`;
    }
  }
  return [...lines, at];
}
