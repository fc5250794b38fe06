/** Removing objects of a bucket by their keys, whatever versions there are. */
import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { answerOf, statusOf } from './failure.ts';
import type { Requests } from './requests.ts';

const keysAtOnce = 1000;

export class Removal {
  readonly #requests: Requests;
  /** Some servers cannot remove many at once. */
  #removesMany = true;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** One that is not there is as good as removed. */
  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 1 || !this.#removesMany) {
      await Promise.all(keys.map((key) => this.#removeOne(key)));
      return;
    }
    for (let at = 0; at < keys.length; at += keysAtOnce) await this.#removeMany(keys.slice(at, at + keysAtOnce));
  }

  async #removeOne(key: string): Promise<void> {
    const { client, name } = this.#requests;
    await this.#requests.send('DeleteObject', key, (options) =>
      client.send(new DeleteObjectCommand({ Bucket: name, Key: key }), options),
    );
  }

  async #removeMany(keys: readonly string[]): Promise<void> {
    const { client, name } = this.#requests;
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    try {
      const { Errors = [] } = await this.#requests.send('DeleteObjects', '', (options) =>
        client.send(new DeleteObjectsCommand({ Bucket: name, Delete }), options),
      );
      // Each alone is tried again, and says why it cannot be removed.
      await Promise.all(Errors.map(({ Key = '' }) => this.#removeOne(Key)));
    } catch (error) {
      const status = statusOf(answerOf(error));
      if (status !== 400 && status !== 501) throw error;
      this.#removesMany = false;
      await this.remove(keys);
    }
  }
}
