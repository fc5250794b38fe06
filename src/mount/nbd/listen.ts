/** Begins to listen on an address, and never takes one from a server that lives. */
import { lstat, stat, unlink } from 'node:fs/promises';
import { type AddressInfo, connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { fail, fromSystem, reasonOf } from '../../errors.ts';
import { addressText, type NbdAddress } from './address.ts';

/** Resolves with the address itself, the port being the real one; ADDRESS_IN_USE when another server has it, ADDRESS_UNSUITABLE. */
export async function listen(server: Server, address: NbdAddress): Promise<NbdAddress> {
  try {
    if ('path' in address) await removeStale(address.path);
    await begin(server, address);
  } catch (error) {
    const text = addressText(address);
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw fail('ADDRESS_IN_USE', { address: text }, { cause: error });
    }
    const failure = fromSystem(error, `cannot listen on ${text}`);
    if (failure.code !== 'IO') throw failure;
    throw fail('ADDRESS_UNSUITABLE', { address: text, reason: reasonOf(error) }, { cause: error });
  }
  return 'path' in address ? address : { ...address, port: (server.address() as AddressInfo).port };
}

function begin(server: Server, address: NbdAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const listening = () => {
      server.off('error', reject);
      resolve();
    };
    if (!('path' in address)) {
      server.listen(address, listening);
      return;
    }
    // Node makes the socket file within this call, so nobody else could connect at any time. The mask is the whole
    // process's: a file that another thread makes in this moment is its owner's only.
    const mask = process.umask(0o177);
    try {
      server.listen(address, listening);
    } finally {
      process.umask(mask);
    }
  });
}

/** Removes a socket file that no server listens on; a server that died leaves one. */
export async function removeStale(path: string): Promise<void> {
  // Node calls a folder that is not there a lack of permission.
  await stat(dirname(path));
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  // Whatever else has the name stays; listening will say that it is in use.
  if (found?.isSocket() && !(await answers(path))) await unlink(path);
}

/** Whether somebody listens: only a refused connection says no. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
