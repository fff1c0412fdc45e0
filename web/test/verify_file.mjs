// SPDX-License-Identifier: GPL-3.0-or-later
// node verify_file.mjs COMPILED FINGERPRINT|- FILE...: what the page's verifier says of each file, a line of JSON. For the tests.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it behind a flag
const [compiled, trust, ...paths] = process.argv.slice(2);
const { verifyExport } = await import(pathToFileURL(`${compiled}/verify/verify.js`).href);
for (const path of paths) {
  const read = readFileSync(path);
  const verdict = await verifyExport(new Uint8Array(read.buffer, read.byteOffset, read.length), trust === "-" ? null : trust);
  process.stdout.write(JSON.stringify(verdict, (_, v) => (typeof v === "bigint" ? Number(v) : v)) + "\n");
}
