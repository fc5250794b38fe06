/** Writes numbered blocks to a file without a pause, until it is ended: `hammer-child.ts FILE BLOCKS [sync]`. */
import { constants, openSync, writeSync } from 'node:fs';
import { hammerBlock, placeOf } from './hammer-places.ts';

const [path = '', blocks = '', mode] = process.argv.slice(2);
const file = openSync(path, mode === 'sync' ? constants.O_RDWR | constants.O_DSYNC : constants.O_RDWR);
const block = Buffer.alloc(hammerBlock);
for (let number = 1; ; number++) {
  for (let at = 0; at < hammerBlock; at += 8) block.writeDoubleLE(number, at);
  writeSync(file, block, 0, hammerBlock, placeOf(number, Number(blocks)) * hammerBlock);
  if (number === 100) process.stdout.write('at work\n');
}
