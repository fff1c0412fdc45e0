// SPDX-License-Identifier: GPL-3.0-or-later
// As much of X.509 (RFC 5280) as the three certificates of a head box need: P-256 and ECDSA with SHA-256, basic constraints, dates. Anything else is refused.
import { Malformed, Reader, equal, hex, type Bytes } from "./bytes.js";
import { importVerifyKey, sha256, signatureGood } from "./hash.js";

interface Der {
  tag: number;
  whole: Bytes;
  value: Bytes;
}

// X.690, distinguished: lengths in their shortest form, tags of one byte.
function next(r: Reader): Der {
  const from = r.at;
  const tag = r.u8();
  let n = r.u8();
  if (n > 0x80) {
    const bytes = r.take(n & 0x7f);
    if (bytes.length > 3 || bytes[0] === 0) throw new Malformed("a length in DER");
    n = bytes.reduce((sum, b) => sum * 256 + b, 0);
    if (n < 0x80) throw new Malformed("a length in DER");
  } else if (n === 0x80) throw new Malformed("a length in DER");
  const value = r.take(n);
  return { tag, whole: r.bytes.subarray(from, r.at), value };
}

function children(d: Der): Der[] {
  const r = new Reader(d.value);
  const all: Der[] = [];
  while (r.left) all.push(next(r));
  return all;
}

function one(bytes: Bytes): Der {
  const r = new Reader(bytes);
  const d = next(r);
  r.end();
  return d;
}

const ECDSA_SHA256 = "06082a8648ce3d040302";
const BASIC_CONSTRAINTS = "0603551d13";
const ALTERNATIVE_NAMES = "0603551d11";
const KEY_USAGE = "0603551d0f";
const UNDERSTOOD = new Set([BASIC_CONSTRAINTS, ALTERNATIVE_NAMES, KEY_USAGE, "0603551d25", "0603551d1e"]);

export interface Certificate {
  der: Bytes;
  tbs: Bytes;
  signature: Bytes; // r | s
  issuer: Bytes;
  subject: Bytes;
  spki: Bytes;
  from: bigint; // microseconds since 1970
  until: bigint;
  ca: boolean;
  signsCertificates: boolean;
  uris: string[];
  fingerprint: string; // SHA-256 of spki
}

// UTCTime or GeneralizedTime, RFC 5280 section 4.1.2.5.
function time(d: Der): bigint {
  const text = String.fromCharCode(...d.value);
  const m = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!m || (m[1]!.length === 2) !== (d.tag === 0x17)) throw new Malformed(`a date ${text}`);
  const year = m[1]!.length === 4 ? Number(m[1]) : Number(m[1]) + (Number(m[1]) < 50 ? 2000 : 1900);
  const ms = Date.UTC(year, Number(m[2]) - 1, Number(m[3]), Number(m[4]), Number(m[5]), Number(m[6]));
  return BigInt(ms) * 1000n;
}

// r | s of 32 bytes each, of an ECDSA-Sig-Value.
function rs(der: Bytes): Bytes {
  const out = new Uint8Array(64);
  const parts = children(one(der));
  if (parts.length !== 2) throw new Malformed("a signature");
  parts.forEach((p, i) => {
    const v = p.value[0] === 0 ? p.value.subarray(1) : p.value;
    if (p.tag !== 2 || v.length > 32 || (p.value[0]! & 0x80) !== 0) throw new Malformed("a signature");
    out.set(v, 32 * (i + 1) - v.length);
  });
  return out;
}

interface Extensions {
  ca: boolean;
  signsCertificates: boolean;
  uris: string[];
}

function extensions(list: Der[]): Extensions {
  const found: Extensions = { ca: false, signsCertificates: false, uris: [] };
  for (const e of list) {
    const [id, second, third] = children(e);
    const critical = second!.tag === 1 && second!.value[0] === 0xff;
    const value = (second!.tag === 1 ? third : second)!.value;
    const name = hex(id!.whole);
    if (critical && !UNDERSTOOD.has(name)) throw new Malformed("a critical extension that is not understood");
    if (name === BASIC_CONSTRAINTS) found.ca = children(one(value)).some((d) => d.tag === 1 && d.value[0] === 0xff);
    if (name === KEY_USAGE) found.signsCertificates = (one(value).value[1]! & 0x04) !== 0;
    if (name === ALTERNATIVE_NAMES)
      found.uris = children(one(value)).filter((d) => d.tag === 0x86).map((d) => String.fromCharCode(...d.value));
  }
  return found;
}

export async function parseCertificate(der: Bytes): Promise<Certificate> {
  const [tbs, algorithm, signature] = children(one(der));
  if (!tbs || !algorithm || !signature || signature.tag !== 3 || signature.value[0] !== 0) throw new Malformed("no certificate");
  if (hex(children(algorithm)[0]!.whole) !== ECDSA_SHA256) throw new Malformed("a certificate that is not signed by ECDSA with SHA-256");
  const parts = children(tbs);
  if (parts[0]!.tag !== 0xa0) throw new Malformed("a certificate of version 1");
  const [, , inner, issuer, validity, subject, spki, ...rest] = parts;
  if (!spki || !equal(inner!.whole, algorithm.whole)) throw new Malformed("a certificate of another form");
  const [from, until] = children(validity!);
  const list = rest.find((d) => d.tag === 0xa3);
  return {
    der, tbs: tbs.whole, signature: rs(signature.value.subarray(1)), issuer: issuer!.whole, subject: subject!.whole, spki: spki.whole,
    from: time(from!), until: time(until!), ...extensions(list ? children(one(list.value)) : []),
    fingerprint: hex(await sha256(spki.whole)),
  };
}

export async function issuedBy(c: Certificate, issuer: Certificate): Promise<boolean> {
  return issuer.ca && issuer.signsCertificates && equal(c.issuer, issuer.subject) &&
    signatureGood(await importVerifyKey(issuer.spki), c.signature, c.tbs);
}

export function validAt(c: Certificate, when: bigint): boolean {
  return c.from <= when && when <= c.until + 999_999n;
}
