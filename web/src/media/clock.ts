// SPDX-License-Identifier: GPL-3.0-or-later
// One clock for all that is watched: the time of day of the footage. Every player is steered to it; where one has a gap the others go on, and where
// all have one the clock is put behind it.
import type { Hole } from "./pieces";
import type { Mode, Playback, Shown } from "./playback";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
const KEYS_ABOVE = 4; // faster, key frames alone
const TICK_MS = 40;
const NEAR_S = 0.12; // off by less is let be, at single speed
const FAR_S = 0.7; // off by more is put right at once
const NUDGE = 0.08;
const EXACT_S = 0.004; // while it stands, within one picture
const SAME_S = 0.00001; // what a player rounds
const CROSSED_MS = 4000; // how long a gap that was jumped over is told

export interface PlayerState {
  shown: Shown;
  crossed: Hole | null; // jumped over a moment ago
}

export interface ClockState {
  wall: number;
  speed: number; // negative: back
  playing: boolean;
  waiting: boolean; // for the server
  atEnd: boolean; // of what is recorded
  players: PlayerState[];
}

export class Clock {
  wall = Date.now();
  speed = 1;
  playing = false;
  private players: Playback[] = [];
  private shown: Shown[] = [];
  private crossed: { hole: Hole; at: number } | null = null;
  private waiting = false;
  private atEnd = false;
  private timer = 0;
  // The end of what was recorded before a time; null: nothing was.
  recordedBefore: (wall: number) => Promise<number | null> = () => Promise.resolve(null);
  private looking = false; // for that
  private last = performance.now();

  constructor(private readonly changed: (state: ClockState) => void) {
    this.timer = window.setInterval(() => this.tick(), TICK_MS);
  }

  close(): void {
    clearInterval(this.timer);
    for (const p of this.players) p.close();
    this.players = [];
  }

  setPlayers(players: Playback[]): void {
    this.players = players;
    this.shown = [];
  }

  play(speed = this.speed): void {
    this.speed = speed;
    this.playing = true;
    this.tick();
  }

  pause(): void {
    this.playing = false;
    const wall = this.leader()?.stand();
    if (wall !== null && wall !== undefined && Math.abs(wall - this.wall) < 1000 * Math.max(1, Math.abs(this.speed))) this.wall = wall;
    if (this.speed < 0 || this.speed > KEYS_ABOVE) this.speed = 1; // a step is one of all frames
    this.tick();
  }

  seek(wall: number): void {
    this.wall = Math.min(wall, Date.now());
    this.crossed = null;
    this.tick();
  }

  step(direction: 1 | -1): void {
    if (this.playing) this.pause();
    const wall = this.leader()?.step(direction);
    this.seek(wall ?? this.wall + direction * 40);
  }

  // The next speed, as editors have it: J and L.
  faster(direction: 1 | -1): void {
    const now = this.playing && Math.sign(this.speed) === direction ? Math.abs(this.speed) : 0;
    const next = now < 1 ? 1 : (SPEEDS.find((s) => s > now) ?? now);
    this.play(direction * next);
  }

  private leader(): Playback | null {
    return this.players.find((_, i) => this.shown[i]?.kind === "footage") ?? null;
  }

  private mode(): Mode {
    return this.speed < 0 ? "back" : this.speed > KEYS_ABOVE ? "keys" : "all";
  }

  private tick(): void {
    const now = performance.now();
    const elapsed = Math.min(now - this.last, 250);
    this.last = now;
    this.shown = this.players.map((p) => p.want(this.wall, this.mode(), this.speed));
    this.jump(now);
    const active = this.players.filter((_, i) => this.shown[i]?.kind !== "failed");
    this.waiting = this.looking || active.some((p) => this.isLate(p));
    this.atEnd = active.length > 0 && this.shown.every((s) => s.kind === "end" || s.kind === "failed");
    const runs = this.playing && !this.waiting && !this.atEnd && active.length > 0;
    if (runs) this.wall += elapsed * this.speed;
    this.players.forEach((p, i) => this.steer(p, this.shown[i], runs));
    this.changed({ wall: this.wall, speed: this.speed, playing: this.playing, waiting: this.waiting, atEnd: this.atEnd, players: this.shown.map((shown) => ({ shown, crossed: this.crossed && now - this.crossed.at < CROSSED_MS ? this.crossed.hole : null })) });
  }

  private isLate(p: Playback): boolean {
    const s = this.shown[this.players.indexOf(p)];
    return s?.kind === "wanted" || s?.kind === "before" || (s?.kind === "footage" && !p.ready(this.mode() === "back" ? p.video.currentTime : s.media));
  }

  // Where nobody has anything to show: behind the gap that ends first.
  private jump(now: number): void {
    const holes = this.shown.flatMap((s) => (s.kind === "gap" ? [s.hole] : []));
    const others = this.shown.filter((s) => !["gap", "end", "failed"].includes(s.kind));
    if (!this.playing || !holes.length || others.length) return;
    const hole = holes.reduce((a, b) => (this.speed > 0 ? (b.to < a.to ? b : a) : b.from > a.from ? b : a));
    if (this.speed < 0 && hole.open) {
      if (!this.looking) void this.jumpBack(hole);
      return;
    }
    this.crossed = { hole, at: now };
    this.wall = this.speed > 0 ? hole.to + 1 : hole.from - 1;
    this.shown = this.players.map((p) => p.want(this.wall, this.mode(), this.speed));
  }

  // Going back, only who asks knows where a gap began; before the first picture there is nothing.
  private async jumpBack(hole: Hole): Promise<void> {
    this.looking = true;
    const wall = this.wall;
    const end = await this.recordedBefore(hole.from).catch(() => null);
    this.looking = false;
    if (this.wall !== wall || !this.playing || this.speed > 0) return; // somebody went elsewhere meanwhile
    if (end === null) {
      this.wall = hole.to + 1;
      this.pause();
    } else {
      this.crossed = { hole: { ...hole, from: end }, at: performance.now() };
      this.wall = Math.min(end, hole.from) - 1;
    }
  }

  private steer(p: Playback, s: Shown | undefined, runs: boolean): void {
    const { video } = p;
    if (!s || s.kind !== "footage" || !runs || this.speed < 0) {
      if (!video.paused) video.pause();
    }
    if (!s || s.kind !== "footage" || video.readyState < 1 || video.seeking || !p.ready(video.currentTime)) return;
    const media = this.speed < 0 ? p.keyAt(s.media) + 0.001 : s.media;
    const off = media - video.currentTime;
    const scale = Math.max(1, this.speed);
    if (!runs || this.speed < 0) {
      if (Math.abs(off) > EXACT_S || (Math.abs(off) > SAME_S && !p.isSame(media, video.currentTime))) video.currentTime = media;
      return;
    }
    if (Math.abs(off) > FAR_S * scale) video.currentTime = media;
    const rate = Math.abs(off) > NEAR_S * scale ? Math.min(this.speed * (1 + Math.sign(off) * NUDGE), 16) : this.speed;
    if (Math.abs(video.playbackRate - rate) > 0.001) video.playbackRate = rate;
    if (video.paused) void video.play().catch(() => {}); // a browser that forbids it, until somebody presses something
  }
}
