// SPDX-License-Identifier: GPL-3.0-or-later
// The byte stream of docs/spec/live.md cut where a player needs it: headers, and fragments with the times of their pictures. Pure.
// Of ISO/IEC 14496-12 what those writers use: one moof before each mdat, tfhd without base offset, one trun a track.

const BOX_MAX = 32 << 20; // a fragment has at most 17 MiB
const HEADER_MAX = 1 << 20;

export interface Track {
  id: number;
  video: boolean;
  timescale: number;
}

export interface Header {
  kind: "header";
  bytes: Uint8Array;
  tracks: Track[];
}

export interface Fragment {
  kind: "fragment";
  bytes: Uint8Array;
  start: number; // seconds of media time: its first picture, or sound where there is none
  end: number;
  frames: number[]; // when its pictures are shown, ascending
  lastDuration: { at: number; timescale: number } | null; // where in bytes the only picture's duration stands
}

export class MalformedMedia extends Error {}

const name = (view: DataView, at: number): string => String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

interface Box {
  type: string;
  from: number; // of what is in it
  to: number;
}

function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  for (let at = from; at < to; ) {
    if (to - at < 8) throw new MalformedMedia("a box without a head");
    const size = view.getUint32(at);
    if (size < 8 || size > to - at) throw new MalformedMedia(`a box of ${size} bytes, where ${to - at} are left`);
    yield { type: name(view, at + 4), from: at + 8, to: at + size };
    at += size;
  }
}

function child(view: DataView, box: { from: number; to: number }, ...types: string[]): Box | null {
  let found: Box | null = null;
  let inside = box;
  for (const type of types) {
    found = [...boxes(view, inside.from, inside.to)].find((b) => b.type === type) ?? null;
    if (!found) return null;
    inside = found;
  }
  return found;
}

function trackOf(view: DataView, trak: Box): Track {
  const tkhd = child(view, trak, "tkhd");
  const mdhd = child(view, trak, "mdia", "mdhd");
  const hdlr = child(view, trak, "mdia", "hdlr");
  if (!tkhd || !mdhd || !hdlr) throw new MalformedMedia("a track without tkhd, mdhd or hdlr");
  const long = (box: Box) => (view.getUint8(box.from) === 1 ? 8 : 0); // version 1 has two times of 64 bits before it
  const timescale = view.getUint32(mdhd.from + 12 + long(mdhd));
  if (!timescale) throw new MalformedMedia("a timescale of 0");
  return { id: view.getUint32(tkhd.from + 12 + long(tkhd)), timescale, video: name(view, hdlr.from + 8) === "vide" };
}

function headerOf(bytes: Uint8Array): Header {
  const view = viewOf(bytes);
  const moov = child(view, { from: 0, to: bytes.length }, "moov");
  const tracks = moov ? [...boxes(view, moov.from, moov.to)].filter((b) => b.type === "trak").map((b) => trackOf(view, b)) : [];
  if (!tracks.length) throw new MalformedMedia("a header without tracks");
  return { kind: "header", bytes, tracks };
}

// The same header with its pictures alone: where no sound comes, a SourceBuffer would wait for it for ever.
export function withoutSound(header: Header): Header {
  const kept = header.tracks.filter((t) => t.video);
  if (!kept.length || kept.length === header.tracks.length) return header;
  const bytes = header.bytes.slice();
  const view = viewOf(bytes);
  const moov = child(view, { from: 0, to: bytes.length }, "moov");
  if (!moov) return header;
  const free = (box: Box) => bytes.set([0x66, 0x72, 0x65, 0x65], box.from - 4); // "free"
  for (const box of boxes(view, moov.from, moov.to)) {
    if (box.type === "trak" && !trackOf(view, box).video) free(box);
    if (box.type !== "mvex") continue;
    for (const trex of boxes(view, box.from, box.to)) if (trex.type === "trex" && !kept.some((t) => t.id === view.getUint32(trex.from + 4))) free(trex);
  }
  return { kind: "header", bytes, tracks: kept };
}

interface Run {
  track: Track;
  frames: number[]; // seconds, in the order of decoding
  end: number;
  durationAt: number | null; // of the last sample
}

function runOf(view: DataView, traf: Box, tracks: Track[]): Run | null {
  const tfhd = child(view, traf, "tfhd");
  const tfdt = child(view, traf, "tfdt");
  const trun = child(view, traf, "trun");
  const track = tfhd && tracks.find((t) => t.id === view.getUint32(tfhd.from + 4));
  if (!tfhd || !tfdt || !trun || !track) return null;
  const given = view.getUint32(tfhd.from) & 0xffffff;
  let at = tfhd.from + 8 + (given & 1 ? 8 : 0) + (given & 2 ? 4 : 0);
  const usual = given & 8 ? view.getUint32(at) : 0;
  let time = view.getUint8(tfdt.from) === 1 ? Number(view.getBigUint64(tfdt.from + 4)) : view.getUint32(tfdt.from + 4);
  const flags = view.getUint32(trun.from) & 0xffffff;
  const count = view.getUint32(trun.from + 4);
  const each = [0x100, 0x200, 0x400, 0x800].filter((f) => flags & f).length * 4;
  at = trun.from + 8 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0);
  if (at + count * each > trun.to) throw new MalformedMedia(`${count} samples in ${trun.to - at} bytes`);
  const frames: number[] = [];
  let durationAt: number | null = null;
  for (let i = 0; i < count; i++, at += each) {
    durationAt = flags & 0x100 ? at : null;
    const shift = flags & 0x800 ? view.getInt32(at + each - 4) : 0;
    frames.push((time + shift) / track.timescale);
    time += flags & 0x100 ? view.getUint32(at) : usual;
  }
  return { track, frames, end: time / track.timescale, durationAt };
}

function fragmentOf(bytes: Uint8Array, tracks: Track[]): Fragment | null {
  const view = viewOf(bytes);
  const moof = child(view, { from: 0, to: bytes.length }, "moof");
  if (!moof) throw new MalformedMedia("media without moof");
  const runs = [...boxes(view, moof.from, moof.to)].filter((b) => b.type === "traf").map((b) => runOf(view, b, tracks)).filter((r) => r !== null && r.frames.length > 0) as Run[];
  const shown = runs.find((r) => r.track.video) ?? runs[0];
  if (!shown) return null;
  const frames = [...shown.frames].sort((a, b) => a - b);
  const only = runs.length === 1 && frames.length === 1 && shown.durationAt !== null ? { at: shown.durationAt, timescale: shown.track.timescale } : null;
  return { kind: "fragment", bytes, start: frames[0] ?? 0, end: shown.end, frames: shown.track.video ? frames : [], lastDuration: only };
}

// Of a fragment with one picture: it stands for so many seconds.
export function stretch(fragment: Fragment, seconds: number): void {
  const { lastDuration, bytes, start } = fragment;
  if (!lastDuration) return;
  viewOf(bytes).setUint32(lastDuration.at, Math.max(1, Math.round(seconds * lastDuration.timescale)));
  fragment.end = start + seconds;
}

// Takes the stream's bytes as they come, in pieces of any size.
export class Splitter {
  private kept: Uint8Array[] = [];
  private length = 0;
  private wanted = 8; // bytes before there is something to look at
  private front: Uint8Array | null = null; // ftyp or moof, until what belongs to it is there
  private tracks: Track[] = [];

  push(bytes: Uint8Array): (Header | Fragment)[] {
    this.kept.push(bytes);
    this.length += bytes.length;
    const found: (Header | Fragment)[] = [];
    while (this.length >= this.wanted) {
      const all = this.joined();
      const view = viewOf(all);
      const size = view.getUint32(0);
      const type = name(view, 4);
      if (size < 8 || size > (type === "mdat" || type === "moof" ? BOX_MAX : HEADER_MAX)) throw new MalformedMedia(`a box ${type} of ${size} bytes`);
      this.wanted = size;
      if (all.length < size) break;
      const box = all.slice(0, size);
      this.kept = [all.subarray(size)];
      this.length -= size;
      this.wanted = 8;
      const part = this.take(type, box);
      if (part) found.push(part);
    }
    return found;
  }

  private joined(): Uint8Array {
    const [first] = this.kept;
    if (first && this.kept.length === 1) return first;
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.kept) {
      all.set(piece, at);
      at += piece.length;
    }
    this.kept = [all];
    return all;
  }

  private take(type: string, box: Uint8Array): Header | Fragment | null {
    const before = this.front;
    const both = before ? new Uint8Array(before.length + box.length) : box;
    if (before) {
      both.set(before, 0);
      both.set(box, before.length);
    }
    this.front = null;
    if (type === "ftyp" || type === "moof") {
      this.front = box;
    } else if (type === "moov") {
      const header = headerOf(both);
      this.tracks = header.tracks;
      return header;
    } else if (type === "mdat") {
      return fragmentOf(both, this.tracks);
    } else {
      this.front = before; // styp, free and others belong to nothing
    }
    return null;
  }
}
