// SPDX-License-Identifier: GPL-3.0-or-later
// The evidence box (docs/spec/evidence.md section 1), to values and back to the same bytes.
import { nextBox, type Box } from "./box.js";
import { Malformed, Reader, Writer, ascii, concat, equal, type Bytes } from "./bytes.js";
import { parseFragment, type Fragment } from "./fragment.js";
import { parseHeader, type Header } from "./header.js";
import { parseSeal, type Seal } from "./seal.js";
import { sha256 } from "./hash.js";
import { breathe } from "./pace.js";
import type { Source } from "./source.js";

export const USER_TYPE = Uint8Array.from([0x90, 0xb4, 0x39, 0x08, 0xff, 0x8c, 0x4b, 0x13, 0xaa, 0x81, 0xce, 0xb0, 0xf9, 0x29, 0x99, 0xec]);
export const BOX_HEADER = 32;

export interface EvidenceFragment {
  moof: Bytes;
  seal: Seal;
  layout: Fragment;
}

export interface EvidenceSegment {
  header: Header;
  key: Bytes;
  fragments: EvidenceFragment[];
}

export interface Evidence {
  from: bigint;
  to: bigint;
  withoutSound: boolean;
  segments: EvidenceSegment[];
}

export function hasTrack(ev: Evidence, id: number): boolean {
  const track = ev.segments[0]!.header.tracks.find((t) => t.id === id);
  return track !== undefined && !(ev.withoutSound && track.kind === "soun");
}

export function sampleBytes(ev: Evidence): number {
  let n = 0;
  for (const s of ev.segments) for (const f of s.fragments) for (const run of f.layout.runs) if (hasTrack(ev, run.id)) n += run.bytes;
  return n;
}

class Boxes {
  at = 0;
  constructor(readonly bytes: Bytes) {}
  get more(): boolean {
    return this.at < this.bytes.length;
  }
  peek = (): Box => nextBox(this.bytes, this.at);
  take(type: string): Box {
    const box = this.peek();
    if (box.type !== type) throw new Malformed(`box ${type} is missing`);
    this.at += box.whole.length;
    return box;
  }
}

async function readFragment(payload: Bytes, header: Header): Promise<EvidenceFragment> {
  const r = new Reader(payload);
  const moof = r.take(r.u32());
  const seal = await parseSeal(r.rest());
  const layout = parseFragment(moof);
  const same = layout.runs.length === seal.tracks.length && layout.runs.every((run, i) => {
    const t = seal.tracks[i]!;
    return header.tracks.some((known) => known.id === run.id) && run.id === t.id && run.bytes === t.bytes && run.count === t.samples && run.decodeTime === t.decodeTime;
  });
  if (!same) throw new Malformed("seal and moof have different tracks");
  return { moof, seal, layout };
}

function checkJoins(first: Header, h: Header): void {
  const same = h.head.stream === first.head.stream && h.tracks.length === first.tracks.length && h.tracks.every((t, i) => {
    const other = first.tracks[i]!;
    return t.id === other.id && t.timescale === other.timescale && t.format === other.format;
  });
  if (!same) throw new Malformed("segments of another stream or with other tracks");
}

async function readSegment(payload: Bytes): Promise<EvidenceSegment> {
  const inside = new Boxes(payload);
  const header = parseHeader(inside.take("shdr").payload);
  const key = inside.take("skey").payload;
  if (key.length !== 16) throw new Malformed(`a key of ${key.length} bytes`);
  const fragments = [];
  while (inside.more) {
    fragments.push(await readFragment(inside.take("frag").payload, header));
    await breathe();
  }
  return { header, key, fragments };
}

// payload: behind the user type.
export async function readEvidence(payload: Bytes): Promise<Evidence> {
  const version = payload[0];
  if (version !== 1 && version !== 2) throw new Malformed(`evidence of version ${version}; this page reads versions 1 and 2`);
  const inside = new Boxes(payload.subarray(1));
  const r = new Reader(inside.take("rnge").payload);
  const from = r.i64();
  const to = r.i64();
  const withheld = r.u8();
  r.end();
  if (withheld > 1) throw new Malformed("the range box has another form");
  const segments: EvidenceSegment[] = [];
  while (inside.more && inside.peek().type === "segm") {
    const segment = await readSegment(inside.take("segm").payload);
    if (segments.length) checkJoins(segments[0]!.header, segment.header);
    segments.push(segment);
  }
  if (inside.take("csum").payload.length !== 32 || inside.more) throw new Malformed("bytes behind the checksum");
  if (!segments.length || segments.length > 4096 || segments[0]!.header.version !== version) throw new Malformed("segments of another version, or none");
  return { from, to, withoutSound: withheld === 1, segments };
}

// The whole box, as an exporter writes it.
export async function writeEvidence(ev: Evidence): Promise<Bytes> {
  const w = new Writer();
  w.u8(ev.segments[0]!.header.version);
  w.box("rnge", () => {
    w.i64(ev.from);
    w.i64(ev.to);
    w.u8(ev.withoutSound ? 1 : 0);
  });
  for (const s of ev.segments)
    w.box("segm", () => {
      w.box("shdr", () => w.put(s.header.stored));
      w.box("skey", () => w.put(s.key));
      for (const f of s.fragments)
        w.box("frag", () => {
          w.u32(f.moof.length);
          w.put(f.moof);
          w.put(f.seal.payload);
        });
    });
  const sum = await sha256(w.bytes());
  w.box("csum", () => w.put(sum));
  const front = new Writer();
  front.u32(1);
  front.type("uuid");
  front.u64(BigInt(BOX_HEADER + w.n));
  front.put(USER_TYPE);
  return concat(front.bytes(), w.bytes());
}

const BLOCK = 1 << 20;

// Where the evidence box begins: the last place at which its type and user type stand. -1: none.
export async function findEvidence(file: Source): Promise<number> {
  const tag = ascii("uuid");
  for (let end = file.size; end >= BOX_HEADER; end -= BLOCK) {
    const from = Math.max(0, end - BLOCK - BOX_HEADER);
    const block = await file.read(from, end - from);
    for (let at = block.lastIndexOf(USER_TYPE[0]!); at >= 16; at = block.lastIndexOf(USER_TYPE[0]!, at - 1))
      if (equal(block.subarray(at, at + 16), USER_TYPE) && equal(block.subarray(at - 12, at - 8), tag)) return from + at - 16;
  }
  return -1;
}
