// SPDX-License-Identifier: GPL-3.0-or-later
// Which time of day a picture is of, and where in the player's time line a time of day is. The time line has no holes; the day has. Pure.
// Times of day are milliseconds since 1970, media times seconds.

// Arrivals jitter; what is less is no gap.
const APART_MS = 1500;
const TOLD_APART_MS = 300; // where the recorder says that there is a gap

export interface Hole {
  from: number;
  to: number;
  cause: string;
  open?: boolean; // it may begin earlier: nobody has looked
}

export interface Piece {
  wall: number;
  media: number;
  end: number; // media
  frames: number[]; // media times of its pictures
  cause: string | null; // of the gap that was told before it
}

export type Place = { kind: "footage"; media: number } | { kind: "gap"; hole: Hole } | { kind: "before" } | { kind: "behind" };

// With what its pictures stand for of the day: as long as they last, or as far as the next one, which came a little sooner or later.
interface Kept extends Piece {
  wallTo: number;
}

export class Pieces {
  private list: Kept[] = [];
  from: number; // where it was asked to begin

  constructor(from: number) {
    this.from = from;
  }

  get empty(): boolean {
    return this.list.length === 0;
  }

  get first(): Piece | null {
    return this.list[0] ?? null;
  }

  get last(): Piece | null {
    return this.list[this.list.length - 1] ?? null;
  }

  // Up to where of the day it is known.
  get wallEnd(): number {
    return this.list[this.list.length - 1]?.wallTo ?? this.from;
  }

  // Times of day ascend: where two would overlap, or are a little apart, the one before gives or takes.
  add(piece: Piece): void {
    const last = this.list[this.list.length - 1];
    if (last) last.end = Math.min(last.end, piece.media);
    const lasts = (piece.end - piece.media) * 1000;
    let { wall } = piece;
    if (last && !holeBetween(last.wallTo, wall, piece.cause)) {
      wall = Math.max(wall, last.wall + (last.end - last.media) * 500);
      last.wallTo = wall;
    }
    this.list.push({ ...piece, wall, wallTo: wall + lasts });
  }

  // What is played and gone; `from` moves along.
  drop(before: number): void {
    const kept = this.list.findIndex((p) => p.end >= before);
    if (kept <= 0) return;
    this.list.splice(0, kept);
    this.from = this.list[0]?.wall ?? this.from;
  }

  // The gap between the end of what is known and `next`, or null where they touch.
  holeBefore(next: number, cause: string | null): Hole | null {
    return holeBetween(this.wallEnd, next, cause);
  }

  place(wall: number): Place {
    if (wall < this.from) return { kind: "before" };
    let end = this.from;
    for (const p of this.list) {
      if (wall < p.wall) {
        const hole = holeBetween(end, p.wall, p.cause);
        return hole ? { kind: "gap", hole: p === this.list[0] ? { ...hole, open: true } : hole } : { kind: "footage", media: p.media };
      }
      end = p.wallTo;
      if (wall < end) return { kind: "footage", media: p.media + ((wall - p.wall) / (end - p.wall)) * (p.end - p.media) };
    }
    return { kind: "behind" };
  }

  wallOf(media: number): number | null {
    const p = this.pieceAt(media);
    return p ? p.wall + ((Math.min(Math.max(media, p.media), p.end) - p.media) / (p.end - p.media)) * (p.wallTo - p.wall) : null;
  }

  // The picture on screen at `media`.
  frameAt(media: number): number | null {
    let found: number | null = null;
    for (const f of this.frames()) {
      if (f > media + 0.0005) break;
      found = f;
    }
    return found;
  }

  nextFrame(media: number): number | null {
    for (const f of this.frames()) if (f > media + 0.0005) return f;
    return null;
  }

  previousFrame(media: number): number | null {
    const shown = this.frameAt(media);
    let found: number | null = null;
    for (const f of this.frames()) {
      if (shown === null || f >= shown - 0.0005) break;
      found = f;
    }
    return found;
  }

  // The gaps within what is known.
  holes(): Hole[] {
    let end = this.from;
    const found: Hole[] = [];
    for (const p of this.list) {
      const hole = holeBetween(end, p.wall, p.cause);
      if (hole) found.push(hole);
      end = p.wallTo;
    }
    return found;
  }

  private pieceAt(media: number): Kept | null {
    for (const p of this.list) if (media < p.end) return p;
    return this.list[this.list.length - 1] ?? null;
  }

  private *frames(): Generator<number> {
    for (const p of this.list) yield* p.frames;
  }
}

function holeBetween(end: number, next: number, cause: string | null): Hole | null {
  if (next - end < (cause ? TOLD_APART_MS : APART_MS)) return null;
  return { from: end, to: next, cause: cause ?? "unknown" };
}
