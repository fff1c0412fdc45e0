// SPDX-License-Identifier: GPL-3.0-or-later
// What is verified, read piece by piece: an export has gigabytes, and a page must not hold it.
import type { Bytes } from "./bytes.js";

export interface Source {
  readonly size: number;
  read(at: number, n: number): Promise<Bytes>; // exactly n bytes, which are there
}

// A file that somebody chose or dropped. It stays where it is; rejects where it cannot be read (any more).
export const sourceOf = (file: Blob): Source => ({
  size: file.size,
  read: async (at, n) => new Uint8Array(await file.slice(at, at + n).arrayBuffer()),
});
