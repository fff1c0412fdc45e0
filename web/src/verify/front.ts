// SPDX-License-Identifier: GPL-3.0-or-later
// What stands before the samples of an export: ftyp, moov and the header of mdat, a function of the evidence (docs/spec/evidence.md section 2).
import { Writer, equal, type Bytes } from "./bytes.js";
import { type Evidence, hasTrack, sampleBytes } from "./evidence.js";
import { breathe } from "./pace.js";
import { editOf, makePlan, type Plan, type PlanTrack } from "./plan.js";

const SECONDS_1904_TO_1970 = 2082844800n;
const MDAT_HEADER = 16;
const NAMES = { vide: "Video", soun: "Sound", meta: "Metadata" };

function since1904(wall: bigint): bigint {
  return wall < 0n ? 0n : wall / 1_000_000n + SECONDS_1904_TO_1970;
}

function matrix(w: Writer): void {
  for (const v of [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000]) w.u32(v);
}

interface Chunk {
  segment: number;
  samples: number;
  offset: number;
}

function chunksOf(ev: Evidence, id: number, from: number): Chunk[] {
  const all: Chunk[] = [];
  let offset = from;
  ev.segments.forEach((s, segment) => {
    for (const f of s.fragments)
      for (const run of f.layout.runs) {
        if (!hasTrack(ev, run.id)) continue;
        if (run.id === id && run.count) all.push({ segment, samples: run.count, offset });
        offset += run.bytes;
      }
  });
  return all;
}

// Runs of equal values: [how many, value].
function runs<T>(values: T[]): [number, T][] {
  const all: [number, T][] = [];
  for (const v of values) {
    const last = all[all.length - 1];
    if (last && last[1] === v) last[0]++;
    else all.push([1, v]);
  }
  return all;
}

class Front {
  readonly w = new Writer();

  constructor(readonly ev: Evidence, readonly plan: Plan, readonly samplesAt: number) {}

  private times(): void {
    this.w.u64(since1904(this.plan.created));
    this.w.u64(since1904(this.plan.created));
  }

  private shown(t: PlanTrack): bigint {
    const edit = editOf(this.plan, t);
    return edit.emptyMs + edit.shownMs;
  }

  private mvhd(): void {
    const { w, plan } = this;
    w.full("mvhd", 1, 0, () => {
      this.times();
      w.u32(1000);
      w.u64(plan.tracks.map((t) => this.shown(t)).reduce((a, b) => (a > b ? a : b)));
      w.u32(0x10000);
      w.u16(0x0100);
      w.zeros(10);
      matrix(w);
      w.zeros(24);
      w.u32(Math.max(...plan.tracks.map((t) => t.stored.id)) + 1);
    });
  }

  private tkhd(t: PlanTrack): void {
    const { w } = this;
    w.full("tkhd", 1, 7, () => {
      this.times();
      w.u32(t.stored.id);
      w.u32(0);
      w.u64(this.shown(t));
      w.zeros(12);
      w.u16(t.stored.kind === "soun" ? 0x0100 : 0);
      w.u16(0);
      matrix(w);
      w.u32(t.stored.width * 65536);
      w.u32(t.stored.height * 65536);
    });
  }

  private edts(t: PlanTrack): void {
    const { w } = this;
    const edit = editOf(this.plan, t);
    const entries: [bigint, bigint][] = [];
    if (edit.emptyMs > 0n) entries.push([edit.emptyMs, -1n]);
    if (edit.shownMs > 0n) entries.push([edit.shownMs, edit.mediaTime]);
    w.box("edts", () =>
      w.full("elst", 1, 0, () => {
        w.u32(entries.length);
        for (const [duration, mediaTime] of entries) {
          w.u64(duration);
          w.i64(mediaTime);
          w.u32(0x10000);
        }
      }));
  }

  private mdhd(t: PlanTrack): void {
    const { w } = this;
    const last = t.samples[t.samples.length - 1]!;
    w.full("mdhd", 1, 0, () => {
      this.times();
      w.u32(t.stored.timescale);
      w.u64(last.time + last.duration - t.samples[0]!.time);
      w.u16(0x55c4);
      w.u16(0);
    });
  }

  private hdlr(t: PlanTrack): void {
    const { w } = this;
    w.full("hdlr", 0, 0, () => {
      w.u32(0);
      w.type(t.stored.kind);
      w.zeros(12);
      w.type(NAMES[t.stored.kind]);
      w.u8(0);
    });
  }

  private mediaHeader(t: PlanTrack): void {
    const { w } = this;
    if (t.stored.kind === "vide") w.full("vmhd", 0, 1, () => w.zeros(8));
    else if (t.stored.kind === "soun") w.full("smhd", 0, 0, () => w.zeros(4));
    else w.full("nmhd", 0, 0, () => undefined);
    w.box("dinf", () =>
      w.full("dref", 0, 0, () => {
        w.u32(1);
        w.full("url ", 0, 1, () => undefined);
      }));
  }

  // The distinct sample entries, and for each segment which one is its, from 1.
  private entries(t: PlanTrack): { distinct: Bytes[]; of: number[] } {
    const distinct: Bytes[] = [];
    const of = this.ev.segments.map((s) => {
      const entry = s.header.tracks[t.index]!.clearEntry;
      const known = distinct.findIndex((d) => equal(d, entry));
      return known >= 0 ? known + 1 : distinct.push(entry);
    });
    return { distinct, of };
  }

  private stbl(t: PlanTrack): void {
    const { w } = this;
    const { distinct, of } = this.entries(t);
    const chunks = chunksOf(this.ev, t.stored.id, this.samplesAt);
    const table = (type: string, version: number, rows: number, write: () => void) => w.full(type, version, 0, () => (w.u32(rows), write()));
    w.box("stbl", () => {
      table("stsd", 0, distinct.length, () => distinct.forEach(w.put));
      const deltas = runs(t.samples.map((s, i) => (i + 1 < t.samples.length ? t.samples[i + 1]!.time - s.time : s.duration)));
      table("stts", 0, deltas.length, () => deltas.forEach(([n, v]) => (w.u32(n), w.u32(Number(v)))));
      const offsets = runs(t.samples.map((s) => s.offset));
      if (t.samples.some((s) => s.offset !== 0)) table("ctts", 1, offsets.length, () => offsets.forEach(([n, v]) => (w.u32(n), w.i32(v))));
      const keys = t.samples.flatMap((s, i) => (s.key ? [i + 1] : []));
      if (keys.length < t.samples.length) table("stss", 0, keys.length, () => keys.forEach(w.u32));
      const rows = chunks.map((c, i) => ({ chunk: i + 1, samples: c.samples, entry: of[c.segment]! }))
        .filter((c, i, all) => i === 0 || c.samples !== all[i - 1]!.samples || c.entry !== all[i - 1]!.entry);
      table("stsc", 0, rows.length, () => rows.forEach((c) => (w.u32(c.chunk), w.u32(c.samples), w.u32(c.entry))));
      w.full("stsz", 0, 0, () => {
        w.u32(0);
        w.u32(t.samples.length);
        for (const s of t.samples) w.u32(s.size);
      });
      table("co64", 0, chunks.length, () => chunks.forEach((c) => w.u64(BigInt(c.offset))));
    });
  }

  private trak(t: PlanTrack): void {
    const { w } = this;
    w.box("trak", () => {
      this.tkhd(t);
      this.edts(t);
      w.box("mdia", () => {
        this.mdhd(t);
        this.hdlr(t);
        w.box("minf", () => {
          this.mediaHeader(t);
          this.stbl(t);
        });
      });
    });
  }

  write(): Bytes {
    const { w } = this;
    w.box("ftyp", () => {
      w.type("isom");
      w.u32(1);
      for (const brand of ["isom", "iso2", "mp41"]) w.type(brand);
    });
    w.box("moov", () => {
      this.mvhd();
      for (const t of this.plan.tracks) this.trak(t);
    });
    w.u32(1);
    w.type("mdat");
    w.u64(BigInt(MDAT_HEADER + sampleBytes(this.ev)));
    return w.bytes();
  }
}

export async function writeFront(ev: Evidence): Promise<Bytes> {
  const plan = await makePlan(ev);
  await breathe();
  // Twice: then its own length is known, and with it the places of the samples.
  const length = new Front(ev, plan, 0).write().length;
  await breathe();
  return new Front(ev, plan, length).write();
}
