// SPDX-License-Identifier: GPL-3.0-or-later
// What WebCrypto does for the verifier; nothing of it is written here.
import { ascii, concat, type Bytes } from "./bytes.js";

const subtle = globalThis.crypto.subtle;

export async function sha256(b: Bytes): Promise<Bytes> {
  return new Uint8Array(await subtle.digest("SHA-256", b));
}

// HMAC-SHA256(segment key, "custos-kc1" | KID | stream path), docs/spec/seal.md section 1.
export async function commitment(key: Bytes, kid: Bytes, stream: string): Promise<Bytes> {
  const k = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", k, concat(ascii("custos-kc1"), kid, new TextEncoder().encode(stream))));
}

export function importCounterKey(key: Bytes): Promise<CryptoKey> {
  return subtle.importKey("raw", key, "AES-CTR", false, ["encrypt"]);
}

// AES-128 in counter mode: the IV in the upper half of the counter block, blocks counted in the lower (docs/spec/vault.md section 5).
export async function counter(key: CryptoKey, iv: Bytes, clear: Bytes): Promise<Bytes> {
  const block = new Uint8Array(16);
  block.set(iv);
  return new Uint8Array(await subtle.encrypt({ name: "AES-CTR", counter: block, length: 64 }, key, clear));
}

export async function importVerifyKey(spki: Bytes): Promise<CryptoKey> {
  return subtle.importKey("spki", spki, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
}

// signature: r | s.
export function signatureGood(key: CryptoKey, signature: Bytes, message: Bytes): Promise<boolean> {
  return subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, message);
}
