/** How object storage is reached, beside what the environment and the profile files of AWS say. */
export interface StorageSettings {
  /** URL of a server other than AWS; null: AWS, or what its environment names. */
  readonly endpoint: string | null;
  /** `https://host/bucket/key` in place of `https://bucket.host/key`. */
  readonly pathStyle: boolean;
  /** Whether an endpoint may be plain http: what is sealed stays sealed, but names and keys of requests can be seen. */
  readonly plainHttp: boolean;
  /** Bytes a second; null: no limit. */
  readonly uploadLimit: number | null;
  readonly downloadLimit: number | null;
  /** Bytes of copies kept on the local disk for one repository (default: 4 GiB); 0: no more of packs than is in memory. */
  readonly cacheLimit?: number | undefined;
}

export const usualSettings: StorageSettings = {
  endpoint: null,
  pathStyle: false,
  plainHttp: false,
  uploadLimit: null,
  downloadLimit: null,
};
