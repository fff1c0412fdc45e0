// SPDX-License-Identifier: GPL-3.0-or-later
// A segment's ftyp and moov as stored (docs/spec/vault.md section 3), as far as the proof and the tables of an export need them.
import { boxes, find, full } from "./box.js";
import { Malformed, Reader, Writer, equal, hex, type Bytes } from "./bytes.js";

export type Kind = "vide" | "soun" | "meta";

export interface Track {
  id: number;
  kind: Kind;
  format: string; // of the clear sample entry
  timescale: number;
  width: number;
  height: number;
  clearEntry: Bytes; // its sample entry without sinf, of the type that frma names
}

export interface Head {
  stream: string;
  objectKey: string;
  kid: Bytes;
  recorder: string;
  certificates: [Bytes, Bytes, Bytes]; // seal, issuer, root
}

export interface Header {
  stored: Bytes;
  tracks: Track[];
  head: Head;
  version: number;
}

const HEAD_TYPE = "c5bca1ec3ea442c0b394fe626b63c2cb";
// Bytes of a sample entry in front of its boxes; of metadata two numbers and three strings.
const FIXED = { vide: 78, soun: 28 };
const FORMATS: Record<string, Kind> = {
  avc1: "vide", hvc1: "vide", jpeg: "vide", mp4a: "soun", ulaw: "soun", alaw: "soun", g726: "soun", "ms\0\x45": "soun", Opus: "soun", metx: "meta",
};

function fixedBytes(kind: Kind, entry: Bytes): number {
  if (kind !== "meta") return FIXED[kind];
  let at = 8;
  for (let strings = 3; strings > 0; at++) {
    if (at >= entry.length) throw new Malformed("a metadata entry is cut off");
    if (entry[at] === 0) strings--;
  }
  return at;
}

function readTrack(trak: Bytes): { track: Track; kid: Bytes } {
  const tkhd = full(find(trak, "tkhd"));
  tkhd.r.take(tkhd.version === 1 ? 16 : 8);
  const id = tkhd.r.u32();
  const mdhd = full(find(trak, "mdia", "mdhd"));
  mdhd.r.take(mdhd.version === 1 ? 16 : 8);
  const timescale = mdhd.r.u32();
  const stsd = find(trak, "mdia", "minf", "stbl", "stsd").payload;
  const entry = boxes(stsd, 8)[0];
  if (!entry) throw new Malformed("no sample entry");
  const kind = ({ encv: "vide", enca: "soun", encm: "meta" } as const)[entry.type];
  if (!kind || timescale === 0 || timescale > 1_000_000) throw new Malformed(`a track of ${entry.type} with the time scale ${timescale}`);
  const fixed = fixedBytes(kind, entry.payload);
  const inside = boxes(entry.payload.subarray(fixed));
  const sinf = inside.find((b) => b.type === "sinf");
  if (!sinf) throw new Malformed("a track that is not protected");
  const format = String.fromCharCode(...find(sinf.payload, "frma").payload);
  if (FORMATS[format] !== kind) throw new Malformed(`a codec that is not known: ${format}`);
  const tenc = full(find(sinf.payload, "schi", "tenc")).r;
  if (hex(tenc.take(4)) !== "00000108") throw new Malformed("another protection than cenc with IVs of 8 bytes");
  const kid = tenc.take(16);
  const w = new Writer();
  w.box(format, () => {
    w.put(entry.payload.subarray(0, fixed));
    for (const b of inside) if (b.type !== "sinf") w.put(b.whole);
  });
  const size = kind === "vide" ? new Reader(entry.payload.subarray(24, 28)) : null;
  return { track: { id, kind, format, timescale, width: size ? size.u16() : 0, height: size ? size.u16() : 0, clearEntry: w.bytes() }, kid };
}

function readHead(payload: Bytes): Head & { version: number } {
  const r = new Reader(payload);
  const version = r.u8();
  const fields = new Map<number, Bytes>();
  for (let expected = 1; r.left; expected++) {
    const tag = r.u16();
    if (tag !== expected) throw new Malformed(`field ${expected} of the head box is missing`);
    fields.set(tag, r.take(r.u16()));
  }
  if (fields.size !== 10 || version < 1 || version > 2) throw new Malformed("a head box of another form");
  const text = (tag: number) => new TextDecoder("utf-8", { fatal: true }).decode(fields.get(tag)!);
  return {
    version, stream: text(1), objectKey: text(2), kid: fields.get(3)!, recorder: text(5),
    certificates: [fields.get(6)!, fields.get(7)!, fields.get(8)!],
  };
}

export function parseHeader(stored: Bytes): Header {
  const outer = boxes(stored);
  if (outer.length !== 2 || outer[0]!.type !== "ftyp" || outer[1]!.type !== "moov") throw new Malformed("a header is ftyp and moov");
  const moov = boxes(outer[1]!.payload);
  const last = moov[moov.length - 1];
  if (!last?.user || hex(last.user) !== HEAD_TYPE) throw new Malformed("no head box");
  const { version, ...head } = readHead(last.payload);
  const read = moov.filter((b) => b.type === "trak").map((b) => readTrack(b.payload));
  if (read.length < 1 || read.length > 8) throw new Malformed(`${read.length} tracks`);
  if (!read.every((t) => equal(t.kid, head.kid))) throw new Malformed("the head box and the tracks name different keys");
  const tracks = read.map((t) => t.track);
  const plain = tracks[0]!.kind === "vide" && tracks.every((t) => ["avc1", "hvc1", "mp4a"].includes(t.format));
  if (version !== (plain ? 1 : 2)) throw new Malformed("the head box says another version than the tracks");
  return { stored, tracks, head, version };
}
