// SPDX-License-Identifier: GPL-3.0-or-later
// Boxes of ISO/IEC 14496-12 section 4.2.
import { Malformed, Reader, type Bytes } from "./bytes.js";

export interface Box {
  type: string;
  offset: number; // in what was given
  whole: Bytes;
  payload: Bytes; // behind size, type and, of a uuid box, the user type
  user: Bytes | null;
}

export function nextBox(bytes: Bytes, offset: number): Box {
  const r = new Reader(bytes.subarray(offset));
  const small = r.u32();
  const type = String.fromCharCode(...r.take(4));
  const size = small === 1 ? Number(r.u64()) : small;
  if (size < r.at || size > bytes.length - offset) throw new Malformed(`box ${type} of ${size} bytes at byte ${offset}`);
  const whole = bytes.subarray(offset, offset + size);
  const user = type === "uuid" ? r.take(16) : null;
  if (r.at > size) throw new Malformed(`box ${type} at byte ${offset} is too short`);
  return { type, offset, whole, payload: whole.subarray(r.at), user };
}

export function boxes(bytes: Bytes, from = 0): Box[] {
  const all: Box[] = [];
  for (let at = from; at < bytes.length; ) {
    const box = nextBox(bytes, at);
    all.push(box);
    at += box.whole.length;
  }
  return all;
}

// The first of that type, through these containers.
export function find(bytes: Bytes, ...path: string[]): Box {
  let inside = bytes;
  let found: Box | undefined;
  for (const type of path) {
    found = boxes(inside).find((b) => b.type === type);
    if (!found) throw new Malformed(`box ${path.join("/")} is missing`);
    inside = found.payload;
  }
  return found!;
}

// Version and flags of a full box, then what is behind them.
export function full(box: Box): { version: number; flags: number; r: Reader } {
  const r = new Reader(box.payload);
  const word = r.u32();
  return { version: word >>> 24, flags: word & 0xffffff, r };
}
