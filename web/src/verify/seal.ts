// SPDX-License-Identifier: GPL-3.0-or-later
// A seal (docs/spec/seal.md section 1).
import { Malformed, Reader, ascii, concat, equal, hex, type Bytes } from "./bytes.js";
import { sha256 } from "./hash.js";

export const FIRST = 1;
export const LAST = 2;
export const UNKNOWN = -(1n << 63n);

export interface SealTrack {
  id: number;
  decodeTime: bigint;
  duration: bigint;
  samples: number;
  bytes: number;
  hash: Bytes;
}

export interface Gap {
  cause: number;
  from: bigint; // microseconds since 1970; UNKNOWN where nothing was before
  to: bigint;
  frames: number;
}

export const GAP_CAUSES = ["", "start", "camera lost", "frames dropped", "unclean stop", "clock step", "disk", "stopped", "overload", "not asked for"];

export interface Seal {
  payload: Bytes;
  flags: number;
  stream: string;
  epoch: string;
  sequence: bigint;
  previous: { epoch: string; sequence: bigint; hash: string };
  kid: Bytes;
  commitment: Bytes;
  headerHash: Bytes;
  fragment: number;
  sealed: bigint;
  first: bigint;
  last: bigint;
  moofBytes: number;
  moofHash: Bytes;
  tracks: SealTrack[];
  gaps: Gap[];
  signer: Bytes;
  signature: Bytes;
  hash: string; // as the next one names it
}

const ZERO = "0".repeat(64);

export function isFirstOfAll(s: Seal): boolean {
  return s.previous.hash === ZERO;
}

export async function parseSeal(payload: Bytes): Promise<Seal> {
  const r = new Reader(payload);
  const version = r.u8();
  if (version < 1 || version > 2) throw new Malformed(`a seal of version ${version}`);
  const flags = r.u8();
  const stream = new TextDecoder("utf-8", { fatal: true }).decode(r.take(r.u16()));
  const epoch = hex(r.take(16));
  const sequence = r.u64();
  const previous = { epoch: hex(r.take(16)), sequence: r.u64(), hash: hex(r.take(32)) };
  const kid = r.take(16);
  const commitment = r.take(32);
  const headerHash = r.take(32);
  const fragment = r.u32();
  const sealed = r.i64();
  r.u64(); // monotonic
  const first = r.i64();
  const last = r.i64();
  r.i64(); // sender
  const moofBytes = r.u32();
  const moofHash = r.take(32);
  const tracks: SealTrack[] = [];
  for (let n = r.u8(); n > 0; n--)
    tracks.push({ id: r.u32(), decodeTime: r.u64(), duration: r.u64(), samples: r.u32(), bytes: Number(r.u64()), hash: r.take(32) });
  const gaps: Gap[] = [];
  for (let n = r.u8(); n > 0; n--) gaps.push({ cause: r.u8(), from: r.i64(), to: r.i64(), frames: r.u32() });
  const signer = r.take(32);
  const signature = r.take(64);
  r.end();
  if (flags > 3 || ((flags & FIRST) !== 0) !== (fragment === 1)) throw new Malformed("flags of a seal");
  if (tracks.length > 8 || gaps.length > 9 || gaps.some((g) => g.cause < 1 || g.cause > 9)) throw new Malformed("tracks or gaps of a seal");
  if ((version === 2) !== gaps.some((g) => g.cause === 9)) throw new Malformed("a seal's version is not the least that has its gaps");
  if (tracks.length === 0 && !(flags & LAST)) throw new Malformed("a seal without tracks that closes nothing");
  if (tracks.some((t, i) => t.samples === 0 || (i > 0 && t.id <= tracks[i - 1]!.id))) throw new Malformed("tracks of a seal");
  if (previous.hash === ZERO && (previous.sequence !== 0n || /[^0]/.test(previous.epoch))) throw new Malformed("previous seal");
  return {
    payload, flags, stream, epoch, sequence, previous, kid, commitment, headerHash, fragment, sealed, first, last, moofBytes,
    moofHash, tracks, gaps, signer, signature, hash: hex(await sha256(payload)),
  };
}

// What was signed: a tag, then all fields ahead of the signature.
export function signedBytes(s: Seal): Bytes {
  return concat(ascii("custos-seal-1\0"), s.payload.subarray(0, s.payload.length - 64));
}

export function sameKid(s: Seal, kid: Bytes): boolean {
  return equal(s.kid, kid);
}
