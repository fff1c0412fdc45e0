// SPDX-License-Identifier: GPL-3.0-or-later
// When the pictures of a fragment are shown: what a player of recorded footage has to know of it. Pure. Of ISO/IEC 14496-12 what the writers of
// docs/spec/live.md use: tfhd without a base offset, one trun a track.
import { boxes, find, full } from "../verify/box.js";
import { Malformed, type Bytes } from "../verify/bytes.js";
import { Fragments, headerOf } from "./fragments.js";

export interface Track {
  id: number;
  video: boolean;
  timescale: number;
}

export interface Header {
  kind: "header";
  bytes: Bytes;
  tracks: Track[];
}

export interface Fragment {
  kind: "fragment";
  bytes: Bytes;
  start: number; // seconds of media time: its first picture, or sound where there is none
  end: number;
  shortest: number; // the end of its track that ends first
  frames: number[]; // when its pictures are shown, ascending
  only: { durationAt: number; timescale: number } | null; // of one that is a single picture: where in bytes its duration stands
}

function timescaleOf(trak: Bytes): number {
  const head = full(find(trak, "mdia", "mdhd"));
  head.r.take(head.version === 1 ? 16 : 8); // when it was made and changed
  const timescale = head.r.u32();
  if (!timescale) throw new Malformed("a timescale of 0");
  return timescale;
}

function tracksOf(header: Bytes, kinds: { id: number; kind: string }[]): Track[] {
  const traks = boxes(find(header, "moov").payload).filter((b) => b.type === "trak");
  if (!traks.length || traks.length !== kinds.length) throw new Malformed("a header without tracks");
  return kinds.map((k, i) => ({ id: k.id, video: k.kind === "vide", timescale: traks[i] ? timescaleOf(traks[i].payload) : 1 }));
}

// The same header with its pictures alone: where no sound comes, a SourceBuffer would wait for it for ever.
export function withoutSound(header: Header): Header {
  const kept = header.tracks.filter((t) => t.video);
  if (!kept.length || kept.length === header.tracks.length) return header;
  return { kind: "header", bytes: headerOf(header.bytes, new Set(kept.map((t) => t.id))), tracks: kept };
}

interface Run {
  track: Track;
  frames: number[]; // seconds, in the order of decoding
  end: number;
  durationAt: number | null; // of the last sample, in the fragment
}

function runOf(whole: Bytes, traf: Bytes, tracks: Track[]): Run | null {
  const tfhd = full(find(traf, "tfhd"));
  const id = tfhd.r.u32();
  const track = tracks.find((t) => t.id === id);
  if (!track) return null;
  tfhd.r.take((tfhd.flags & 1 ? 8 : 0) + (tfhd.flags & 2 ? 4 : 0));
  const usual = tfhd.flags & 8 ? tfhd.r.u32() : 0;
  const tfdt = full(find(traf, "tfdt"));
  let time = tfdt.version === 1 ? Number(tfdt.r.u64()) : tfdt.r.u32();
  const { flags, r } = full(find(traf, "trun"));
  const count = r.u32();
  r.take((flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0));
  const frames: number[] = [];
  let durationAt: number | null = null;
  for (let i = 0; i < count; i++) {
    durationAt = flags & 0x100 ? r.bytes.byteOffset - whole.byteOffset + r.at : null;
    const duration = flags & 0x100 ? r.u32() : usual;
    r.take((flags & 0x200 ? 4 : 0) + (flags & 0x400 ? 4 : 0));
    frames.push((time + (flags & 0x800 ? r.i32() : 0)) / track.timescale);
    time += duration;
    if (!duration && !r.left) break; // a count that nothing stands for
  }
  return { track, frames, end: time / track.timescale, durationAt };
}

function fragmentOf(bytes: Bytes, tracks: Track[]): Fragment | null {
  const trafs = boxes(find(bytes, "moof").payload).filter((b) => b.type === "traf");
  const runs = trafs.flatMap((b) => runOf(bytes, b.payload, tracks) ?? []).filter((r) => r.frames.length > 0);
  const shown = runs.find((r) => r.track.video) ?? runs[0];
  if (!shown) return null;
  const frames = [...shown.frames].sort((a, b) => a - b);
  const single = runs.length === 1 && frames.length === 1 && shown.durationAt !== null;
  return { kind: "fragment", bytes, start: frames[0] ?? 0, end: shown.end, shortest: Math.min(...runs.map((r) => r.end)), frames: shown.track.video ? frames : [], only: single ? { durationAt: shown.durationAt ?? 0, timescale: shown.track.timescale } : null };
}

// A single picture stands for so many seconds.
export function stretch(fragment: Fragment, seconds: number): void {
  const { only, bytes, start } = fragment;
  if (!only) return;
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).setUint32(only.durationAt, Math.max(1, Math.round(seconds * only.timescale)));
  fragment.end = start + seconds;
  fragment.shortest = fragment.end;
}

// The stream's bytes as they come, cut and looked at. Throws Malformed, or RangeError of a box that is too large.
export class Splitter {
  private readonly fragments = new Fragments();
  private tracks: Track[] = [];

  push(bytes: Bytes): (Header | Fragment)[] {
    return this.fragments.push(bytes).flatMap((piece): (Header | Fragment)[] => {
      if ("header" in piece) {
        this.tracks = tracksOf(piece.header, piece.tracks);
        return [{ kind: "header", bytes: piece.header, tracks: this.tracks }];
      }
      const fragment = fragmentOf(piece.fragment, this.tracks);
      return fragment ? [fragment] : [];
    });
  }
}
