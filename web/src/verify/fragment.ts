// SPDX-License-Identifier: GPL-3.0-or-later
// A fragment's moof as stored (docs/spec/vault.md section 4): which samples it has, and how each is encrypted.
import { boxes, find, full, type Box } from "./box.js";
import { Malformed, type Bytes } from "./bytes.js";

export interface Sample {
  duration: number;
  size: number;
  offset: number; // composition
  key: boolean;
  iv: Bytes;
  ranges: { clear: number; hidden: number }[]; // none: all of it
}

// The samples of one track. They are read again where they are needed (samplesOf): all those of a day at once would be more than a page may hold.
export interface Run {
  id: number;
  decodeTime: bigint;
  duration: bigint;
  bytes: number;
  count: number;
}

export interface Fragment {
  sequence: number;
  runs: Run[];
}

const SYNC = 0x02000000;
const NOT_SYNC = 0x01010000;

function readSamples(trun: Box): Omit<Sample, "iv" | "ranges">[] {
  const { version, flags, r } = full(trun);
  if (version !== 1 || flags !== 0xf01) throw new Malformed("a trun of another form");
  const n = r.u32();
  r.u32(); // data offset
  const all = [];
  for (let i = 0; i < n; i++) {
    const duration = r.u32();
    const size = r.u32();
    const what = r.u32();
    if (what !== SYNC && what !== NOT_SYNC) throw new Malformed("flags of a sample");
    all.push({ duration, size, key: what === SYNC, offset: r.i32() });
  }
  r.end();
  return all;
}

function readRun(traf: Bytes): Run & { samples: Sample[] } {
  const tfhd = full(find(traf, "tfhd"));
  const id = tfhd.r.u32();
  const tfdt = full(find(traf, "tfdt"));
  if (tfdt.version !== 1) throw new Malformed("a tfdt of another form");
  const decodeTime = tfdt.r.u64();
  const plain = readSamples(find(traf, "trun"));
  const { flags, r } = full(find(traf, "senc"));
  if (flags !== 0 && flags !== 2) throw new Malformed("a senc of another form");
  if (r.u32() !== plain.length) throw new Malformed("senc and trun have different numbers of samples");
  const samples = plain.map((s) => {
    const iv = r.take(8);
    const ranges = [];
    for (let n = flags === 2 ? r.u16() : 0; n > 0; n--) ranges.push({ clear: r.u16(), hidden: r.u32() });
    if (ranges.length && ranges.reduce((sum, x) => sum + x.clear + x.hidden, 0) !== s.size) throw new Malformed("subsamples of another length than their sample");
    return { ...s, iv, ranges };
  });
  r.end();
  const sum = (of: (s: Sample) => number) => samples.reduce((n, s) => n + of(s), 0);
  return { id, decodeTime, duration: BigInt(sum((s) => s.duration)), bytes: sum((s) => s.size), count: samples.length, samples };
}

export function parseFragment(moof: Bytes): Fragment {
  const outer = boxes(moof);
  if (outer.length !== 1 || outer[0]!.type !== "moof") throw new Malformed("no moof");
  const inside = boxes(outer[0]!.payload);
  const sequence = full(find(outer[0]!.payload, "mfhd")).r.u32();
  if (inside[0]!.type !== "mfhd" || inside.slice(1).some((b) => b.type !== "traf")) throw new Malformed("a moof of another form");
  return { sequence, runs: inside.slice(1).map((b) => withoutSamples(readRun(b.payload))) };
}

const withoutSamples = ({ id, decodeTime, duration, bytes, count }: Run): Run => ({ id, decodeTime, duration, bytes, count });

// Of the track with this id, of a moof that parseFragment has taken.
export function samplesOf(moof: Bytes, id: number): Sample[] {
  const trafs = boxes(boxes(moof)[0]!.payload).slice(1);
  for (const traf of trafs) if (full(find(traf.payload, "tfhd")).r.u32() === id) return readRun(traf.payload).samples;
  return [];
}
