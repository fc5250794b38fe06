import { join } from 'node:path';
import { createLocalStore } from '../../src/repository/stores/create.ts';
import { scratchFolder } from '../unit/scratch.ts';
import { describeStore } from './store.ts';

describeStore('a local folder', async () => createLocalStore(join(await scratchFolder(), 'store')));
