/** What session-child.ts shows. */

/** Bytes of each image. */
export const size = 8 * 1024 ** 2 + 512;

export const images = { overlay: 1, fixed: 2, refused: 3, late: 4, folder: 5 } as const;
