/** A link to a server that takes so many milliseconds for each request: `slow-link.ts URL MILLISECONDS`. Prints its own URL. */
import { startFaultProxy } from '../test/lab/fault-proxy.ts';

const [target = '', milliseconds = '0'] = process.argv.slice(2);
const { endpoint } = await startFaultProxy(target, { delay: Number(milliseconds) });
console.log(endpoint);
