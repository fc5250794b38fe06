/** What the tables of failures say of each. */
export interface ErrorKind {
  readonly message: string;
  readonly exit: 1 | 2 | 10 | 11 | 12 | 13 | 130;
  readonly http: number;
  /** What a program that meets this through a mount or a drive gets to see. */
  readonly errno?: string;
  readonly hint: string;
}

export type ErrorKinds = Readonly<Record<string, ErrorKind>>;
