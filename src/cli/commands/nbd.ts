import type { Command } from 'commander';
import { fail } from '../../errors.ts';
import type { NbdResult } from '../../jobs/nbd.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { text } from '../option-values.ts';
import { fields } from '../table.ts';
import { formatSize } from '../units.ts';

interface NbdOptions {
  readonly listen?: string;
  readonly socket?: string;
  readonly writable?: true;
  readonly overlay?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
}

export function addNbd(program: Command): void {
  const command = program
    .command('nbd')
    .summary('serve a restore point over the network as a block device')
    .description(
      'Serves the disk of a point over NBD, for qemu, nbd-client, nbdcopy and others, until Ctrl-C. Without TLS let it ' +
        'listen on this machine or on a unix socket only: whoever can connect reads the disk.',
    )
    .argument('<point>', 'the point')
    .option('--listen <host:port>', 'where to listen (default: 127.0.0.1:10809)', text)
    .option('--socket <path>', 'listen on a unix socket instead', text)
    .option('--writable', 'take writes; they go to an overlay, never to the point')
    .option('--overlay <file>', 'with --writable: the file that writes go to, and that is kept', text)
    .option('--tls-certificate <file>', 'PEM file of the server certificate; clients must use TLS then', text)
    .option('--tls-key <file>', 'PEM file of its key', text)
    .option('--tls-client-ca <file>', 'PEM file of the authority that clients must be certified by', text)
    .addHelpText(
      'after',
      `
Examples:
  $ strata nbd web1/sda@latest --socket /run/web1.sock
  $ qemu-img convert -O qcow2 'nbd+unix:///?socket=/run/web1.sock' web1.qcow2
  $ qemu-system-x86_64 -m 2G -drive file=nbd://127.0.0.1:10809,format=raw     # with --writable`,
    );
  perform<NbdOptions, [string]>(command, async (session, options, spec) => {
    const { tlsCertificate, tlsKey, tlsClientCa } = options;
    if (options.socket !== undefined && options.listen !== undefined) {
      throw fail('USAGE', { problem: '--socket and --listen exclude each other' });
    }
    if (options.overlay !== undefined && !options.writable)
      throw fail('USAGE', { problem: '--overlay needs --writable' });
    if ((tlsCertificate === undefined) !== (tlsKey === undefined) || (tlsClientCa !== undefined && !tlsKey)) {
      throw fail('USAGE', { problem: 'TLS needs both --tls-certificate and --tls-key' });
    }
    const { nbdJob } = await import('../../jobs/nbd.ts');
    const tls =
      tlsCertificate === undefined || tlsKey === undefined
        ? undefined
        : { certificate: tlsCertificate, key: tlsKey, ...(tlsClientCa === undefined ? {} : { clientCa: tlsClientCa }) };
    const { listen, socket, overlay } = options;
    const request = { spec, listen, socket, writable: options.writable === true, overlay, tls };
    const result = await nbdJob(session.access(), request, session.job());
    session.conclude(describe(result));
    return exitCodes.done;
  });
}

function describe(result: NbdResult): string[] {
  return fields([
    ['served', `point ${result.point} to ${result.clients} clients`],
    ['read', formatSize(result.bytesRead)],
    ['written', formatSize(result.bytesWritten)],
    ['requests', `${result.requests}, ${result.errors} failed`],
    ...(result.overlay === null ? [] : [['overlay', result.overlay] as const]),
  ]);
}
