// SPDX-License-Identifier: GPL-3.0-or-later
// node verify_file.mjs COMPILED FINGERPRINT|- FILE...: what the page's verifier says of each file, a line of JSON. For the tests.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it behind a flag
const [compiled, trust, ...paths] = process.argv.slice(2);
const { verifyExport } = await import(pathToFileURL(`${compiled}/verify/verify.js`).href);

// As the page reads a File; what is asked for beyond its end is a mistake of the verifier.
const sourceOf = (fd) => ({
  size: fstatSync(fd).size,
  read: async (at, n) => {
    const bytes = new Uint8Array(n);
    if (readSync(fd, bytes, 0, n, at) !== n) throw new Error(`${n} bytes at ${at} are not there`);
    return bytes;
  },
});

for (const path of paths) {
  const fd = openSync(path);
  const verdict = await verifyExport(sourceOf(fd), trust === "-" ? null : trust);
  closeSync(fd);
  process.stdout.write(JSON.stringify(verdict, (_, v) => (typeof v === "bigint" ? Number(v) : v)) + "\n");
}
