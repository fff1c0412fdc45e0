// SPDX-License-Identifier: GPL-3.0-or-later
// What a timeline shows, computed: which time is where, what is recorded, missing and locked, what stands on the ruler. Pure.
// Times are milliseconds since 1970; the ruler is in the device's zone.

export interface Span {
  from: number;
  to: number;
}

export interface Gap extends Span {
  cause: string;
}

export interface Parts {
  ranges: Span[];
  gaps: Gap[];
  locks: Span[];
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const SPAN_MIN = 400; // ten frames of 25 a second
export const SPAN_MAX = 90 * DAY;

// --- the view ---

const clamp = (n: number, least: number, most: number): number => Math.min(Math.max(n, least), most);

// Keeps a view within what there can be: little of the future, and not more than SPAN_MAX.
export function bounded(view: Span, now: number): Span {
  const span = clamp(view.to - view.from, SPAN_MIN, SPAN_MAX);
  const last = now + span * 0.25;
  const to = Math.min(view.from + span, last);
  return { from: to - span, to };
}

// `factor` above 1 shows more; `about` stays where it is.
export function zoomed(view: Span, factor: number, about: number, now: number): Span {
  const span = clamp((view.to - view.from) * factor, SPAN_MIN, SPAN_MAX);
  const part = (about - view.from) / (view.to - view.from);
  return bounded({ from: about - span * part, to: about + span * (1 - part) }, now);
}

export const moved = (view: Span, by: number, now: number): Span => bounded({ from: view.from + by, to: view.to + by }, now);

// The view that has `at` in it: the same where it is well within.
export function following(view: Span, at: number, now: number): Span {
  const span = view.to - view.from;
  if (at >= view.from && at <= view.to - span * 0.05) return view;
  const jumped = at < view.from || at > view.to + span * 0.05;
  return bounded(jumped ? { from: at - span / 2, to: at + span / 2 } : { from: at - span * 0.25, to: at + span * 0.75 }, now);
}

export const xOf = (view: Span, width: number, at: number): number => ((at - view.from) / (view.to - view.from)) * width;
export const timeAt = (view: Span, width: number, x: number): number => view.from + (x / width) * (view.to - view.from);

// --- what is fetched: tiles of a few lengths, kept ---

// Each four times the one before, so a view is at most five tiles and has at least 500 parts.
const TILES = Array.from({ length: 12 }, (_, i) => 5 * SECOND * 4 ** i);
const TILES_KEPT = 240;
const JOIN_MS = 2000; // as the recorder joins
const FRESH_MS = 4000; // of a tile that still grows
const KEPT_MS = 5 * MINUTE; // of one that is over: locks come and old footage goes

export interface Tile extends Span {
  level: number;
}

export function tilesOf(view: Span, now: number): Tile[] {
  let level = 0;
  while (level + 1 < TILES.length && (TILES[level + 1] ?? Infinity) <= view.to - view.from) level++;
  const length = TILES[level] ?? DAY;
  const tiles: Tile[] = [];
  for (let i = Math.floor(view.from / length); i * length < Math.min(view.to, now); i++) tiles.push({ level, from: i * length, to: (i + 1) * length });
  return tiles;
}

interface Kept {
  parts: Parts;
  at: number;
}

const key = (t: Tile): string => `${t.level}:${t.from}`;

function cut<T extends Span>(list: T[], to: Span): T[] {
  return list.filter((s) => s.to > to.from && s.from < to.to).map((s) => ({ ...s, from: Math.max(s.from, to.from), to: Math.min(s.to, to.to) }));
}

export function joined<T extends Span>(list: T[], apart: number, same: (a: T, b: T) => boolean = () => true): T[] {
  const found: T[] = [];
  for (const s of [...list].sort((a, b) => a.from - b.from)) {
    const last = found[found.length - 1];
    if (last && s.from - last.to <= apart && same(last, s)) last.to = Math.max(last.to, s.to);
    else found.push({ ...s });
  }
  return found;
}

// What has come of one stream.
export class Fetched {
  private tiles = new Map<string, Kept>();

  put(tile: Tile, parts: Parts, now: number): void {
    this.tiles.delete(key(tile)); // the newest last
    this.tiles.set(key(tile), { parts, at: now });
    for (const oldest of this.tiles.keys()) {
      if (this.tiles.size <= TILES_KEPT) break;
      this.tiles.delete(oldest);
    }
  }

  // Which have to be asked for.
  wanted(view: Span, now: number): Tile[] {
    return tilesOf(view, now).filter((t) => {
      const kept = this.tiles.get(key(t));
      return !kept || now - kept.at > (kept.at < t.to + MINUTE ? FRESH_MS : KEPT_MS);
    });
  }

  // What is known of a view; where a tile is not there yet, what a coarser one says. `known`: of which times anything is.
  parts(view: Span, now: number): Parts & { known: Span[] } {
    const all: Parts & { known: Span[] } = { ranges: [], gaps: [], locks: [], known: [] };
    for (const tile of tilesOf(view, now)) {
      const kept = this.best(tile);
      if (!kept) continue;
      all.known.push({ from: tile.from, to: tile.to });
      all.ranges.push(...cut(kept.parts.ranges, tile));
      all.gaps.push(...cut(kept.parts.gaps, tile));
      all.locks.push(...cut(kept.parts.locks, tile));
    }
    return {
      ranges: joined(all.ranges, JOIN_MS),
      gaps: joined(all.gaps, 1, (a, b) => a.cause === b.cause),
      locks: joined(all.locks, 1),
      known: joined(all.known, 1),
    };
  }

  private best(tile: Tile): Kept | null {
    for (let level = tile.level; level < TILES.length; level++) {
      const length = TILES[level] ?? DAY;
      const kept = this.tiles.get(`${level}:${Math.floor(tile.from / length) * length}`);
      if (kept) return kept;
    }
    return null;
  }
}

// --- what is at a time ---

export interface Found {
  recorded: boolean;
  gap: Gap | null;
  locked: boolean;
}

// `near`: how far beside it still counts (what is narrower than the pointer).
export function at(parts: Parts, time: number, near = 0): Found {
  const has = (s: Span) => s.from - near <= time && time <= s.to + near;
  return { recorded: parts.ranges.some(has), gap: parts.gaps.find((g) => g.cause !== "start" && has(g)) ?? null, locked: parts.locks.some(has) };
}

// The gap whose beginning is the nearest in this direction.
export function gapFrom(parts: Parts, time: number, direction: 1 | -1): Gap | null {
  const others = parts.gaps.filter((g) => g.cause !== "start" && (direction > 0 ? g.from > time + 1 : g.from < time - 1));
  return others.reduce<Gap | null>((best, g) => (!best || direction * (g.from - best.from) < 0 ? g : best), null);
}

// --- the ruler ---

export interface Tick {
  at: number;
  text: string;
  major: boolean; // a day or a month begins
}

// Milliseconds that the device's zone is ahead of UTC then.
const ahead = (t: number): number => -new Date(t).getTimezoneOffset() * MINUTE;
const two = (n: number): string => String(n).padStart(2, "0");

export interface ClockChange {
  at: number;
  before: string;
  after: string;
}

const zoneText = (t: number): string => {
  const minutes = ahead(t) / MINUTE;
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${Math.floor(size / 60)}${size % 60 ? `:${two(size % 60)}` : ""}`;
};

// Where daylight saving begins or ends within the view; none of views of more than three weeks.
export function clockChanges(view: Span): ClockChange[] {
  if (view.to - view.from > 21 * DAY) return [];
  const found: ClockChange[] = [];
  for (let low = view.from; low < view.to; ) {
    const high = Math.min(low + 6 * HOUR, view.to);
    if (ahead(low) !== ahead(high)) {
      let [before, behind] = [low, high];
      while (behind - before > 1) {
        const middle = Math.floor((before + behind) / 2);
        if (ahead(middle) === ahead(low)) before = middle;
        else behind = middle;
      }
      found.push({ at: behind, before: zoneText(before), after: zoneText(behind) });
    }
    low = high;
  }
  return found;
}

// Up to an hour apart: by the clock on the wall, each real one.
function shortTicks(view: Span, step: number): number[] {
  const found: number[] = [];
  for (let t = Math.ceil((view.from + ahead(view.from)) / step) * step - ahead(view.from); t <= view.to; t += step) {
    const off = (t + ahead(t)) % step;
    if (off) t += step - off; // a zone that moves by less than the step
    if (t <= view.to) found.push(t);
  }
  return found;
}

function hourTicks(view: Span, hours: number): number[] {
  const found: number[] = [];
  const first = new Date(view.from);
  for (let day = 0; ; day++) {
    const midnight = new Date(first.getFullYear(), first.getMonth(), first.getDate() + day);
    if (midnight.getTime() > view.to) return found;
    for (let h = 0; h < 24; h += hours) {
      const t = new Date(midnight.getFullYear(), midnight.getMonth(), midnight.getDate(), h);
      const there = t.getHours() === h; // that hour may be left out
      if (there && t.getTime() >= view.from && t.getTime() <= view.to) found.push(t.getTime());
    }
  }
}

function dayTicks(view: Span, days: number): number[] {
  const found: number[] = [];
  const first = new Date(view.from);
  for (let day = 0; ; day++) {
    const t = new Date(first.getFullYear(), first.getMonth(), first.getDate() + day);
    if (t.getTime() > view.to) return found;
    const number = Math.round((t.getTime() + ahead(t.getTime())) / DAY) + 3; // Mondays are multiples of seven
    if (number % days === 0 && t.getTime() >= view.from) found.push(t.getTime());
  }
}

function monthTicks(view: Span): number[] {
  const found: number[] = [];
  const first = new Date(view.from);
  for (let month = 0; ; month++) {
    const t = new Date(first.getFullYear(), first.getMonth() + month, 1).getTime();
    if (t > view.to) return found;
    if (t >= view.from) found.push(t);
  }
}

const STEPS: [number, (view: Span) => number[]][] = [
  ...[20, 40, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR].map(
    (step): [number, (view: Span) => number[]] => [step, (view) => shortTicks(view, step)],
  ),
  ...[2, 3, 6, 12].map((hours): [number, (view: Span) => number[]] => [hours * HOUR, (view) => hourTicks(view, hours)]),
  ...[1, 2, 7, 14].map((days): [number, (view: Span) => number[]] => [days * DAY, (view) => dayTicks(view, days)]),
  [30 * DAY, monthTicks],
];

// `apart`: pixels that a text needs; `months`: their short names.
export function ticks(view: Span, width: number, months: readonly string[], apart = 84): Tick[] {
  const least = ((view.to - view.from) / Math.max(width, 1)) * apart;
  const [step, make] = STEPS.find(([s]) => s >= least) ?? STEPS[STEPS.length - 1] ?? [DAY, monthTicks];
  const changes = clockChanges(view).length > 0;
  return make(view).map((t) => {
    const d = new Date(t);
    const midnight = d.getHours() + d.getMinutes() + d.getSeconds() + d.getMilliseconds() === 0;
    const date = `${d.getDate()} ${months[d.getMonth()] ?? ""}`;
    if (step >= 30 * DAY) return { at: t, text: `${months[d.getMonth()] ?? ""} ${d.getFullYear()}`, major: true };
    if (midnight || step >= DAY) return { at: t, text: date, major: step < DAY || d.getDate() === 1 };
    let text = `${two(d.getHours())}:${two(d.getMinutes())}`;
    if (step < MINUTE) text += `:${two(d.getSeconds())}`;
    if (step < SECOND) text += `.${String(d.getMilliseconds()).padStart(3, "0")}`;
    if (changes && step >= MINUTE) text += ` ${zoneText(t).slice(3)}`;
    return { at: t, text, major: false };
  });
}
