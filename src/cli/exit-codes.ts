/** Exit codes that are no failure; those of failures stand in errors.ts. */
export const exitCodes = { done: 0, usage: 2, warnings: 3, damaged: 13 } as const;
