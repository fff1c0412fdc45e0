// SPDX-License-Identifier: GPL-3.0-or-later
// The byte stream of docs/spec/live.md cut into what a SourceBuffer takes: headers (ftyp, moov) and fragments (moof, mdat). Messages end anywhere.
// Tracks can be left out: a grid needs no sound, and a sound that the browser does not play must not cost the picture.
import { boxes, find, full } from "../verify/box.js";
import { concat, type Bytes } from "../verify/bytes.js";

const HEAD = 8;
const MOST_BYTES = 24 << 20; // of one box; the server sends 17 MiB at most

export interface Track {
  id: number;
  kind: string; // "vide", "soun"
}

export type Piece = { header: Bytes; tracks: Track[] } | { fragment: Bytes; track: number };

const typeAt = (b: Bytes, at: number): string => String.fromCharCode(...b.subarray(at + 4, at + 8));
const sizeAt = (b: Bytes, at: number): number => new DataView(b.buffer, b.byteOffset + at, 4).getUint32(0);

function trackOf(trak: Bytes): Track {
  const head = full(find(trak, "tkhd"));
  head.r.take(head.version === 1 ? 16 : 8); // when it was made and changed
  const id = head.r.u32();
  const handler = full(find(trak, "mdia", "hdlr"));
  handler.r.u32();
  return { id, kind: String.fromCharCode(...handler.r.take(4)) };
}

const tracksOf = (moov: Bytes): Track[] => boxes(moov).filter((b) => b.type === "trak").map((b) => trackOf(b.payload));

function wrap(type: string, ...inside: Bytes[]): Bytes {
  const size = inside.reduce((n, b) => n + b.length, HEAD);
  const head = new Uint8Array(HEAD);
  new DataView(head.buffer).setUint32(0, size);
  for (let i = 0; i < 4; i++) head[4 + i] = type.charCodeAt(i);
  return concat(head, ...inside);
}

// The header with these tracks alone.
export function headerOf(header: Bytes, ids: ReadonlySet<number>): Bytes {
  const kept = (moov: Bytes): Bytes[] =>
    boxes(moov).flatMap((b) => {
      if (b.type === "trak") return ids.has(trackOf(b.payload).id) ? [b.whole] : [];
      if (b.type !== "mvex") return [b.whole];
      return [wrap("mvex", ...boxes(b.payload).filter((x) => x.type !== "trex" || ids.has(full(x).r.u32())).map((x) => x.whole))];
    });
  return concat(...boxes(header).map((b) => (b.type === "moov" ? wrap("moov", ...kept(b.payload)) : b.whole)));
}

export class Fragments {
  private rest: Bytes = new Uint8Array(0);
  private held: Bytes[] = []; // ftyp that waits for its moov, moof that waits for its mdat

  // Whole pieces that this message completes. Throws Malformed.
  push(message: Bytes): Piece[] {
    const all = this.rest.length ? concat(this.rest, message) : message;
    const pieces: Piece[] = [];
    let at = 0;
    while (all.length - at >= HEAD) {
      const size = sizeAt(all, at);
      if (size < HEAD || size > MOST_BYTES) throw new RangeError(`a box of ${size} bytes`);
      if (all.length - at < size) break;
      const piece = this.take(typeAt(all, at), all.subarray(at, at + size));
      if (piece) pieces.push(piece);
      at += size;
    }
    this.rest = all.slice(at);
    return pieces;
  }

  private take(type: string, box: Bytes): Piece | null {
    if (type === "ftyp" || type === "moof") {
      this.held = [box];
      return null;
    }
    if (type !== "moov" && type !== "mdat") return null;
    const whole = concat(...this.held, box);
    const before = this.held[0];
    this.held = [];
    if (type === "moov") return { header: whole, tracks: tracksOf(box.subarray(HEAD)) };
    return before ? { fragment: whole, track: full(find(before, "moof", "traf", "tfhd")).r.u32() } : null;
  }
}
