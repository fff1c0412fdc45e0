// SPDX-License-Identifier: GPL-3.0-or-later
// The time line of an export (docs/spec/evidence.md section 2): where each sample stands, and what the edit lists show.
import { type Evidence, type EvidenceFragment, type EvidenceSegment, hasTrack } from "./evidence.js";
import { Malformed } from "./bytes.js";
import { samplesOf, type Run } from "./fragment.js";
import type { Track } from "./header.js";
import { breathe } from "./pace.js";

const S = 1_000_000n;
const FAR = (1n << 63n) / 4n;

export interface PlanSample {
  time: bigint;
  duration: bigint;
  size: number;
  offset: number;
  key: boolean;
}

export interface PlanTrack {
  stored: Track;
  index: number; // in the header
  samples: PlanSample[];
}

export interface Plan {
  tracks: PlanTrack[];
  created: bigint;
  begin: bigint; // microseconds on the time line
  end: bigint;
}

interface Place {
  zero: bigint;
  base: bigint;
}

const us = (ticks: bigint, t: Track): bigint => (ticks * S) / BigInt(t.timescale);
const usUp = (ticks: bigint, t: Track): bigint => (ticks * S + BigInt(t.timescale) - 1n) / BigInt(t.timescale);
const ticks = (u: bigint, t: Track): bigint => (u * BigInt(t.timescale)) / S;
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const runOf = (f: EvidenceFragment, id: number): Run | undefined => f.layout.runs.find((r) => r.id === id && r.count > 0);

function onLine(place: Place, decodeTime: bigint, t: Track): bigint {
  const zero = ticks(place.zero, t);
  return ticks(place.base, t) + max(decodeTime - zero, 0n);
}

interface Extent {
  begin: bigint;
  end: bigint;
}

function extent(ev: Evidence, s: EvidenceSegment, t: Track): Extent | null {
  let found: Extent | null = null;
  if (!hasTrack(ev, t.id)) return null;
  for (const f of s.fragments) {
    const run = runOf(f, t.id);
    if (!run) continue;
    const end = run.decodeTime + run.duration;
    found = found ? { begin: min(found.begin, run.decodeTime), end: max(found.end, end) } : { begin: run.decodeTime, end };
  }
  return found;
}

function placeSegment(ev: Evidence, s: EvidenceSegment, base: bigint, ends: bigint[]): Place {
  const tracks = s.header.tracks;
  const extents = tracks.map((t) => extent(ev, s, t));
  const begins = extents.flatMap((x, i) => (x ? [us(x.begin, tracks[i]!)] : []));
  const place = { zero: begins.length ? begins.reduce(min) : 0n, base };
  extents.forEach((x, i) => {
    if (!x) return;
    const ahead = x.begin - ticks(place.zero, tracks[i]!);
    if (ends[i]! > ahead) place.base = max(place.base, usUp(ends[i]! - ahead, tracks[i]!));
  });
  extents.forEach((x, i) => {
    if (x) ends[i] = onLine(place, x.end, tracks[i]!);
  });
  return place;
}

async function planTrack(ev: Evidence, places: Place[], stored: Track, index: number): Promise<PlanTrack | null> {
  const samples: PlanSample[] = [];
  if (!hasTrack(ev, stored.id)) return null;
  for (const [i, s] of ev.segments.entries()) {
    await breathe();
    for (const f of s.fragments) {
      let decodeTime = runOf(f, stored.id)?.decodeTime ?? 0n;
      for (const x of samplesOf(f.moof, stored.id)) {
        const least = samples.length ? samples[samples.length - 1]!.time : 0n;
        samples.push({ time: max(onLine(places[i]!, decodeTime, stored), least), duration: BigInt(x.duration), size: x.size, offset: x.offset, key: x.key });
        decodeTime += BigInt(x.duration);
      }
    }
  }
  return samples.length ? { stored, index, samples } : null;
}

// Points at which both clocks are known: a fragment's first arrival, and its place.
function anchors(ev: Evidence, places: Place[]): { wall: bigint; line: bigint }[] {
  const all: { wall: bigint; line: bigint }[] = [];
  ev.segments.forEach((s, i) => {
    for (const f of s.fragments)
      for (const t of s.header.tracks) {
        const run = hasTrack(ev, t.id) ? runOf(f, t.id) : undefined;
        if (!run) continue;
        all.push({ wall: f.seal.first, line: us(onLine(places[i]!, run.decodeTime, t), t) });
        break;
      }
  });
  return all;
}

function lineOf(points: { wall: bigint; line: bigint }[], wall: bigint, end: bigint): bigint {
  const next = points.findIndex((p) => p.wall > wall);
  const before = points[(next < 0 ? points.length : next) - 1];
  if (!before) return 0n;
  return min(before.line + min(wall - before.wall, FAR), next < 0 ? end : points[next]!.line);
}

// To where the frame begins that is shown then.
function snap(first: PlanTrack, at: bigint): bigint {
  if (first.stored.kind !== "vide") return at;
  let best = -1n;
  for (const s of first.samples) {
    const shown = us(max(s.time + BigInt(s.offset), 0n), first.stored);
    if (shown <= at && shown > best) best = shown;
  }
  return best < 0n ? at : best;
}

export async function makePlan(ev: Evidence): Promise<Plan> {
  const header = ev.segments[0]!.header;
  const ends = header.tracks.map(() => 0n);
  const places: Place[] = [];
  for (const s of ev.segments) places.push(placeSegment(ev, s, places.length ? places[places.length - 1]!.base : 0n, ends));
  const end = header.tracks.map((t, i) => usUp(ends[i]!, t)).reduce(max);
  const tracks: PlanTrack[] = [];
  for (const [i, t] of header.tracks.entries()) {
    const track = await planTrack(ev, places, t, i);
    if (track) tracks.push(track);
  }
  if (!tracks.length) throw new Malformed("an export without samples");
  const points = anchors(ev, places);
  const from = lineOf(points, ev.from, end);
  const to = lineOf(points, ev.to, end);
  const begin = from > 0n && from < end ? snap(tracks[0]!, from) : 0n;
  const created = ev.segments[0]!.fragments[0]?.seal.first ?? 0n;
  return { tracks, created, begin, end: to > begin ? to : end };
}

export interface Edit {
  emptyMs: bigint;
  shownMs: bigint;
  mediaTime: bigint;
}

export function editOf(p: Plan, t: PlanTrack): Edit {
  const first = t.samples[0]!;
  const last = t.samples[t.samples.length - 1]!;
  const firstUs = us(first.time, t.stored);
  const begin = max(p.begin, firstUs);
  const end = min(p.end, usUp(last.time + last.duration, t.stored));
  if (end <= begin) return { emptyMs: (p.end - p.begin + 999n) / 1000n, shownMs: 0n, mediaTime: 0n };
  let mediaTime = 0n;
  if (begin > firstUs) {
    let at = ticks(begin, t.stored);
    // Where a frame begins, its own time and not the rounded one.
    if (us(at, t.stored) < begin && us(at + 1n, t.stored) === begin) at++;
    mediaTime = max(at - first.time, 0n);
  }
  return { emptyMs: (begin - p.begin) / 1000n, shownMs: (end - begin + 999n) / 1000n, mediaTime };
}
