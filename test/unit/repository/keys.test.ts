import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  addKey,
  changePassphrase,
  keyNames,
  listKeys,
  parseKey,
  removeKey,
  storeKey,
  unlock,
} from '../../../src/repository/keys.ts';
import { Repository } from '../../../src/repository/repository.ts';
import { createLocalStore } from '../../../src/repository/stores/create.ts';
import { scratchFolder, scratchRepository } from '../scratch.ts';

const reopen = (repo: Repository, passphrase: string) => Repository.open(repo.location, async () => passphrase);
const wrong = { code: 'WRONG_PASSPHRASE', exitCode: 12 };

async function emptyStore() {
  return createLocalStore(join(await scratchFolder(), 'store'));
}

describe('the keys of a repository', () => {
  it('open with any passphrase added and with no other', async () => {
    const repo = await scratchRepository('first');
    const added = await addKey(repo, 'second', 'for Ann');
    expect(await listKeys(repo)).toMatchObject([
      { id: repo.keyId, label: 'first', current: true },
      { id: added.id, label: 'for Ann', current: false },
    ]);
    const second = await reopen(repo, 'second');
    expect(second.keyId).toBe(added.id);
    expect(second.master.equals(repo.master)).toBe(true);
    await expect(reopen(repo, 'third')).rejects.toMatchObject({ ...wrong, params: { keys: 2 } });
  });

  it('are removed by a prefix of the id, but never the last', async () => {
    const repo = await scratchRepository('first');
    const { id } = await addKey(repo, 'second', '');
    await expect(removeKey(repo, 'nothing')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(removeKey(repo, '')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    expect(await removeKey(repo, id.slice(0, 15))).toMatchObject({ id });
    await expect(reopen(repo, 'second')).rejects.toMatchObject(wrong);
    await expect(removeKey(repo, repo.keyId ?? '')).rejects.toMatchObject({ code: 'LAST_KEY' });
    expect((await reopen(repo, 'first')).config).toEqual(repo.config);
  });

  it('change the passphrase that opened it and leave the others', async () => {
    const repo = await scratchRepository('first');
    await addKey(repo, 'second', '');
    await changePassphrase(repo, 'changed');
    await expect(reopen(repo, 'first')).rejects.toMatchObject(wrong);
    expect((await reopen(repo, 'changed')).master.equals(repo.master)).toBe(true);
    expect((await reopen(repo, 'second')).master.equals(repo.master)).toBe(true);
  });

  it('open although one was replaced since they were listed', async () => {
    const repo = await scratchRepository('first');
    await addKey(repo, 'third', '');
    const listed = await keyNames(repo.store);
    const { id } = await changePassphrase(repo, 'second');
    const open = (passphrase: string) => unlock(repo.store, repo.config.id, passphrase, listed);
    expect(await open('second')).toMatchObject({ keyId: id });
    expect((await open('third')).master.equals(repo.master)).toBe(true);
    await expect(open('first')).rejects.toMatchObject(wrong);
  });

  it('take a passphrase as the same however its accents are composed', async () => {
    const repo = await scratchRepository('Käse'.normalize('NFD'));
    expect((await reopen(repo, 'Käse'.normalize('NFC'))).keyId).toBe(repo.keyId);
  });

  it('are none without encryption', async () => {
    const repo = await scratchRepository();
    expect(await listKeys(repo)).toEqual([]);
    for (const change of [addKey(repo, 'x', ''), removeKey(repo, 'ab'), changePassphrase(repo, 'x')]) {
      await expect(change).rejects.toMatchObject({ code: 'NOT_ENCRYPTED' });
    }
  });

  it('are not made with an empty passphrase', async () => {
    const repo = await scratchRepository('first');
    await expect(addKey(repo, '', '')).rejects.toMatchObject({ code: 'PASSPHRASE_EMPTY' });
    expect(await listKeys(repo)).toHaveLength(1);
  });
});

describe('unlock', () => {
  it('does not open a key that was brought from another repository', async () => {
    const store = await emptyStore();
    await storeKey(store, 'a'.repeat(32), randomBytes(32), 'same', '');
    await expect(unlock(store, 'b'.repeat(32), 'same')).rejects.toMatchObject(wrong);
  });

  it('tells a damaged key file from a wrong passphrase', async () => {
    const store = await emptyStore();
    await store.put('keys/0011223344556677.json', Buffer.from('{'));
    await expect(unlock(store, 'a'.repeat(32), 'x')).rejects.toMatchObject({ code: 'CONFIG_DAMAGED', exitCode: 13 });
    const master = randomBytes(32);
    await storeKey(store, 'a'.repeat(32), master, 'x', '');
    expect((await unlock(store, 'a'.repeat(32), 'x')).master.equals(master)).toBe(true);
  });

  it('says when there is no key at all', async () => {
    await expect(unlock(await emptyStore(), 'a'.repeat(32), 'x')).rejects.toMatchObject({ code: 'CONFIG_DAMAGED' });
  });
});

describe('parseKey', () => {
  it('refuses what would take the memory of the machine', async () => {
    const key = await storeKey(await emptyStore(), 'a'.repeat(32), randomBytes(32), 'x', '');
    expect(parseKey(JSON.stringify(key))).toEqual(key);
    for (const kdf of [{ N: 2 ** 40 }, { N: 65537 }, { r: 1e6 }, { p: 0 }, { salt: 'zz' }, { name: 'md5' }]) {
      expect(parseKey(JSON.stringify({ ...key, kdf: { ...key.kdf, ...kdf } }))).toBeNull();
    }
  });
});
