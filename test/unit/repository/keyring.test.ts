import { describe, expect, it } from 'vitest';
import { Keyring } from '../../../src/repository/keyring.ts';
import { addKey, changePassphrase } from '../../../src/repository/keys.ts';
import { Repository } from '../../../src/repository/repository.ts';
import { scratchRepository } from '../scratch.ts';

describe('a keyring', () => {
  it('opens what was opened with it before, without asking, though that was closed', async () => {
    const { location } = await scratchRepository('secret');
    const keyring = new Keyring();
    let asked = 0;
    const passphrase = async () => {
      asked++;
      return 'secret';
    };
    const first = await Repository.open(location, passphrase, { keyring });
    const master = Buffer.from(first.master);
    await first.close();
    const second = await Repository.open(location, passphrase, { keyring });
    expect(second.master).toEqual(master);
    await second.close();
    expect(asked).toBe(1);
  });

  it('keeps no key that did not open, and none whose file is gone', async () => {
    const repo = await scratchRepository('secret');
    const keyring = new Keyring();
    const open = (passphrase: string) => Repository.open(repo.location, async () => passphrase, { keyring });
    await expect(open('wrong')).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    await (await open('secret')).close();
    await addKey(repo, 'another', 'of the safe');
    await changePassphrase(repo, 'new');
    await expect(open('secret')).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
    await (await open('new')).close();
  });
});
