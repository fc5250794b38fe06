/** Writes a number to one file after the other, each durably, and then the next number: `turns-child.ts FILE …`. */
import { constants, openSync, writeSync } from 'node:fs';
import { hammerBlock } from './hammer-places.ts';

const files = process.argv.slice(2).map((path) => openSync(path, constants.O_RDWR | constants.O_DSYNC));
const block = Buffer.alloc(hammerBlock);
for (let number = 1; ; number++) {
  for (let at = 0; at < hammerBlock; at += 8) block.writeDoubleLE(number, at);
  for (const file of files) writeSync(file, block, 0, hammerBlock, 0);
  if (number === 20) process.stdout.write('at work\n');
}
