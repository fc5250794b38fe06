/** A virtual machine without a disk of its own, driven by lines on its serial console. No KVM: it is not everywhere. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { GuestParts } from './guest-parts.ts';

export interface GuestOptions {
  /** More of the kernel's line. */
  readonly kernelLine?: string;
  /** MiB; default 512. */
  readonly memory?: number;
  /** Whether its files are those of this machine, under what it writes itself; needs `sharingDrivers`. */
  readonly sharesHost?: boolean;
  /** More words for qemu. */
  readonly words?: readonly string[];
}

const machine = ['-machine', 'pc', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'];
const bare = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
/** The host is 10.0.2.2 for it. */
const network = ['-netdev', 'user,id=net,restrict=off', '-device', 'virtio-net-pci,netdev=net,romfile='];
const share = 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap';
// A guest that panics ends at once.
const kernelLine =
  'console=ttyS0 quiet loglevel=3 panic=-1 oops=panic mitigations=off random.trust_cpu=1 no_timer_check';

export class Guest {
  readonly #qemu: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  /** Settles when there is more to read, or no more to come. */
  #news = Promise.withResolvers<void>();
  #said = '';
  /** How much of that was read. */
  #read = 0;
  #stderr = '';

  constructor({ kernel, initramfs }: GuestParts, options: GuestOptions = {}) {
    const { kernelLine: more = '', memory = 512, sharesHost = false, words = [] } = options;
    const line = `${kernelLine} ${sharesHost ? 'host=shared' : ''} ${more}`;
    const boot = ['-m', `${memory}`, '-kernel', kernel, '-initrd', initramfs, '-append', line];
    const files = sharesHost ? ['-fsdev', share, '-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'] : [];
    this.#qemu = spawn('qemu-system-x86_64', [...machine, ...bare, ...network, ...boot, ...files, ...words]);
    this.#ended = once(this.#qemu, 'close').then(() => this.#tell());
    this.#qemu.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#said += text.replaceAll('\r', '');
      this.#tell();
    });
    this.#qemu.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#qemu.stdin.on('error', () => undefined); // it has ended, which shows where a line is waited for
  }

  /** Waits for text on the console; gives what came before it. Fails when the guest ends without. */
  async says(text: string): Promise<string> {
    for (;;) {
      const at = this.#said.indexOf(text, this.#read);
      const news = this.#news.promise;
      if (at >= 0) {
        const before = this.#said.slice(this.#read, at);
        this.#read = at + text.length;
        return before;
      }
      if (this.#qemu.exitCode !== null || this.#qemu.signalCode !== null)
        throw new Error(`the guest ended without "${text}": ${this.#stderr}${this.#said.slice(-3000)}`);
      await news;
    }
  }

  /** Waits until a guest that takes commands does. */
  async ready(): Promise<void> {
    await this.says('guest: ready\n');
  }

  /** Runs a line of shell in it; gives what that printed. Fails unless it ends with `code`. */
  async run(line: string, code = 0): Promise<string> {
    this.#qemu.stdin.write(`${line}\n`);
    const output = await this.says('guest: ended with ');
    const ended = (await this.says('\n')).trim();
    if (ended !== String(code)) throw new Error(`${line} ended with ${ended}: ${output}`);
    return output.trim();
  }

  /** Waits until it has switched itself off. */
  async off(): Promise<void> {
    await this.#ended;
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    this.#qemu.kill('SIGKILL');
    await this.#ended;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
