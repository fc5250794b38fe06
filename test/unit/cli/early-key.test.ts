import { beforeEach, describe, expect, it, vi } from 'vitest';
import { folderOf } from '../../../src/cli/early-key.ts';

describe('folderOf', () => {
  beforeEach(() => {
    vi.unstubAllEnvs();
    vi.stubEnv('STRATA_REPO', '/backups');
    vi.stubEnv('STRATA_PASSWORD', 'secret');
    return () => vi.unstubAllEnvs();
  });

  it('is the folder that the environment names, with its passphrase', () => {
    expect(folderOf(['backup', '/dev/sda'])).toEqual({ location: '/backups', passphrase: 'secret' });
  });

  it('is none when the line may name another repository or passphrase, or asks for help', () => {
    for (const words of [
      ['--repo', '/x', 'points'],
      ['points', '--repo=/x'],
      ['--password-file', 'f', 'points'],
    ])
      expect(folderOf(words)).toBeNull();
    expect(folderOf(['backup', '--help'])).toBeNull();
    expect(folderOf(['backup', '-h'])).toBeNull();
  });

  it('is none of a bucket, or when something is not in the environment', () => {
    vi.stubEnv('STRATA_REPO', 's3://bucket/prefix');
    expect(folderOf(['points'])).toBeNull();
    vi.stubEnv('STRATA_REPO', '');
    expect(folderOf(['points'])).toBeNull();
    vi.stubEnv('STRATA_REPO', '/backups');
    vi.stubEnv('STRATA_PASSWORD', '');
    expect(folderOf(['points'])).toBeNull();
  });
});
