// SPDX-License-Identifier: GPL-3.0-or-later
// A live stream in a <video>: one WebSocket (docs/spec/live.md), one MediaSource, kept close behind the newest frame, and taken up again by itself.
import { checkSession, pathOf, segment, type Schemas } from "../api";
import { strings } from "../strings";
import { concat, type Bytes } from "../verify/bytes";
import { Fragments, headerOf, type Piece } from "./fragments";

const PROTOCOL = "custos.live.1";
const BEHIND_S = 0.15; // the newest frame: what a network's and a camera's unsteadiness takes
const FAR_S = 2; // behind: not by rate any more
const FAR_FIRST_S = 0.5; // the same just after the beginning, where nobody has seen anything yet
const BEGINNING_MS = 2000;
const RATE_SLOW = 0.97;
const RATE_FAST = 1.05;
const KEPT_S = 5; // behind what is shown
const OFF_MS = 5000; // not seen, and closed
const STILL_MS = 5000; // without a frame: said
const DEAD_MS = 15_000; // without a frame: connected anew
const STEADY_MS = 10_000; // with pictures: the next failure begins with the shortest wait
const AGAIN_MS = [500, 1000, 2000, 4000, 8000, 15_000];
const WAITING_BYTES = 16 << 20; // not taken by the decoder: the tab was asleep

export interface LiveState {
  picture: boolean;
  transcoded: boolean;
  sound: "none" | "there" | "unplayable";
  still: boolean; // no new frame for a while
  skipped: { seconds: number } | null; // a new object each time
  problem: { text: string; remedy: string } | null;
}

const NOTHING: LiveState = { picture: false, transcoded: false, sound: "none", still: false, skipped: null, problem: null };

const playable = (codecs: string): boolean => MediaSource.isTypeSupported(`video/mp4; codecs="${codecs}"`);

type Told = { codec?: string; transcoded?: { from: string; to: string }; ended?: Schemas["Ended"] };

type Step = { type: string; header: Bytes } | { bytes: Bytes };

// One connection with what it feeds. When it is over it says so once, and touches nothing any more.
class Feed {
  private readonly socket: WebSocket;
  private readonly source = new MediaSource();
  private readonly fragments = new Fragments();
  private buffer: SourceBuffer | null = null;
  private steps: Step[] = [];
  private waiting = 0; // bytes in steps
  private codecs: string[] = [];
  private kept = new Set<number>();
  private opened = false;
  private over = false;
  private began = 0; // when playing
  private end = 0; // of what is buffered
  private frame = 0.04; // seconds of one, about
  private taken = 0; // fragments since the last look
  private ended: Schemas["Ended"] | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    path: string,
    private readonly withSound: boolean,
    private readonly on: {
      frames: () => void;
      picture: () => void;
      transcoded: () => void;
      sound: (s: LiveState["sound"]) => void;
      skipped: (seconds: number) => void;
      unplayable: (codec: string) => void;
      over: (why: { text: string; remedy: string } | null, session: boolean) => void;
    },
  ) {
    const url = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(url);
      this.guarded(() => this.pump());
    });
    video.src = url;
    video.addEventListener("loadeddata", this.hear);
    video.addEventListener("error", this.hear);
    this.socket = new WebSocket(path, PROTOCOL);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => (this.opened = true);
    this.socket.onmessage = (m: MessageEvent<string | ArrayBuffer>) => this.guarded(() => this.take(m.data));
    this.socket.onclose = () => this.closed();
  }

  private readonly hear = (event: Event): void => {
    if (event.type === "loadeddata") this.on.picture();
    else if (this.video.error) this.fail(strings.grid.undecodable(this.codecs.join(", ")));
  };

  close(): void {
    if (this.over) return;
    this.over = true;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.video.removeEventListener("loadeddata", this.hear);
    this.video.removeEventListener("error", this.hear);
    this.video.removeAttribute("src");
    this.video.load();
  }

  private fail(text: string): void {
    if (this.over) return;
    const undecodable = this.video.error !== null;
    this.close();
    if (undecodable) this.on.unplayable(this.codecs.join(","));
    else this.on.over({ text, remedy: strings.grid.again }, false);
  }

  // What came is judged by others' code (the decoder): what throws there ends this connection, not the page.
  private guarded(run: () => void): void {
    if (this.over) return;
    try {
      run();
    } catch (why) {
      this.fail(strings.grid.broken(why instanceof Error ? why.message : String(why)));
    }
  }

  // A refusal by HTTP says nothing to a WebSocket: it may be the session's end, which is looked for.
  private closed(): void {
    if (this.over) return;
    const why = this.ended ? { text: this.ended.text, remedy: this.ended.remedy } : null;
    const session = this.ended ? this.ended.code === "auth" : !this.opened;
    this.close();
    this.on.over(why, session);
  }

  private take(data: string | ArrayBuffer): void {
    if (typeof data === "string") {
      const told = JSON.parse(data) as Told;
      if (told.codec !== undefined) this.codecs = told.codec.split(",").map((c) => c.trim());
      if (told.transcoded) this.on.transcoded();
      if (told.ended) this.ended = told.ended;
      return;
    }
    for (const piece of this.fragments.push(new Uint8Array(data))) {
      if (this.over) return;
      this.add(piece);
    }
    this.pump();
  }

  private add(piece: Piece): void {
    if ("header" in piece) return this.begin(piece);
    if (!this.kept.has(piece.track)) return;
    this.steps.push({ bytes: piece.fragment });
    this.waiting += piece.fragment.length;
    if (this.waiting > WAITING_BYTES) throw new Error(strings.grid.tooSlow);
  }

  private begin({ header, tracks }: Extract<Piece, { header: Bytes }>): void {
    const words = tracks.map((t, i) => ({ ...t, codec: this.codecs[i] ?? "" }));
    const picture = words.find((t) => t.kind === "vide");
    const sound = words.find((t) => t.kind === "soun");
    if (!picture || !playable(picture.codec)) {
      this.close();
      return this.on.unplayable(picture?.codec ?? this.codecs.join(","));
    }
    const both = sound && playable(`${picture.codec},${sound.codec}`);
    this.on.sound(!sound ? "none" : both ? "there" : "unplayable");
    const chosen = words.filter((t) => t === picture || (this.withSound && both && t === sound));
    this.kept = new Set(chosen.map((t) => t.id));
    this.steps.push({ type: `video/mp4; codecs="${chosen.map((t) => t.codec).join(",")}"`, header: headerOf(header, this.kept) });
  }

  private pump(): void {
    if (this.over || this.source.readyState !== "open" || this.buffer?.updating) return;
    const step = this.steps[0];
    if (!step) return;
    if ("header" in step) {
      this.steps.shift();
      this.prepare(step.type);
      this.buffer?.appendBuffer(step.header);
      return;
    }
    let n = 0; // what waits goes in at once
    const parts: Bytes[] = [];
    for (const s of this.steps) {
      if ("header" in s) break;
      parts.push(s.bytes);
      n++;
    }
    this.steps.splice(0, n);
    const bytes = concat(...parts);
    this.waiting -= bytes.length;
    this.taken += n;
    this.buffer?.appendBuffer(bytes);
    this.on.frames();
  }

  private prepare(type: string): void {
    if (this.buffer) return this.buffer.changeType(type);
    this.buffer = this.source.addSourceBuffer(type);
    this.buffer.mode = "segments";
    this.buffer.addEventListener("updateend", () => this.guarded(() => {
      this.steer();
      this.trim();
      this.pump();
    }));
  }

  // The clock of live begins with the first frame that anybody watched, so what came first says where to be.
  private steer(): void {
    const ranges = this.buffer?.buffered;
    if (!ranges?.length) return;
    const { video } = this;
    const from = ranges.start(ranges.length - 1);
    const end = ranges.end(ranges.length - 1);
    if (this.taken && end > this.end && this.end >= from) this.frame += ((end - this.end) / this.taken - this.frame) * 0.1;
    this.end = end;
    this.taken = 0;
    const goal = Math.max(from, end - this.frame - BEHIND_S);
    if (!this.began) {
      this.began = performance.now();
      video.currentTime = goal;
      void video.play().catch(() => {}); // a sound that the browser lets nobody hear yet
      return;
    }
    if (video.paused) void video.play().catch(() => {}); // a headset's key, or the browser: live does not stand
    const behind = end - this.frame - BEHIND_S - video.currentTime;
    const first = performance.now() - this.began < BEGINNING_MS;
    const left = video.currentTime < from; // in front of a hole, where a player stands still
    if (left || behind > (first ? FAR_FIRST_S : FAR_S)) {
      const seconds = goal - video.currentTime;
      video.currentTime = goal;
      if (!first && seconds >= 0.5) this.on.skipped(Math.round(seconds) || 1);
    }
    const rate = Math.min(RATE_FAST, Math.max(RATE_SLOW, 1 + behind * 0.2));
    video.playbackRate = Math.abs(behind) < 0.04 ? 1 : rate;
  }

  private trim(): void {
    const { buffer } = this;
    if (!buffer || buffer.updating || !buffer.buffered.length) return;
    const until = this.video.currentTime - KEPT_S;
    if (buffer.buffered.start(0) < until - KEPT_S) buffer.remove(0, until);
  }
}

export class LivePlayer {
  private state = NOTHING;
  private feed: Feed | null = null;
  private wanted = false;
  private ended = false;
  private transcode = false;
  private codec = ""; // that made it necessary
  private tries = 0;
  private since = 0; // of the last frame
  private pictureSince = 0;
  private timer = 0; // the next try, or the end
  private readonly watch: number;

  // `tell` hears each change.
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly stream: string,
    private readonly sound: boolean,
    private readonly tell: (state: LiveState) => void,
  ) {
    this.watch = window.setInterval(() => this.look(), 1000);
  }

  // Whether anybody sees it. What is not seen any more goes on for 5 s: a page is left and come back to.
  want(yes: boolean): void {
    if (this.wanted === yes) return;
    this.wanted = yes;
    clearTimeout(this.timer);
    if (!yes) this.timer = window.setTimeout(() => this.stop(), OFF_MS);
    else if (!this.feed) this.open();
  }

  close(): void {
    this.ended = true;
    clearInterval(this.watch);
    this.stop();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.feed?.close();
    this.feed = null;
    this.say({ ...NOTHING, problem: this.wanted ? this.state.problem : null });
  }

  private say(change: Partial<LiveState>): void {
    const next = { ...this.state, ...change };
    const keys = Object.keys(next) as (keyof LiveState)[];
    if (keys.every((k) => next[k] === this.state[k])) return;
    this.state = next;
    if (!this.ended) this.tell(next);
  }

  private open(): void {
    this.since = performance.now();
    const path = pathOf(`/api/v1/streams/${segment(this.stream)}/live`, { as: this.transcode ? "h264" : null });
    this.feed = new Feed(this.video, path, this.sound, {
      frames: () => {
        this.since = performance.now();
        this.say({ still: false });
      },
      picture: () => {
        this.pictureSince = performance.now();
        this.say({ picture: true, problem: null });
      },
      transcoded: () => this.say({ transcoded: true }),
      sound: (sound) => this.say({ sound }),
      skipped: (seconds) => this.say({ skipped: { seconds } }),
      unplayable: (codec) => this.unplayable(codec),
      over: (why, session) => this.over(why, session),
    });
  }

  private unplayable(codec: string): void {
    if (this.transcode) return this.over(null, false);
    this.transcode = true;
    this.codec = codec;
    this.feed = null;
    this.open();
  }

  private over(why: { text: string; remedy: string } | null, session: boolean): void {
    this.feed = null;
    if (this.ended) return;
    if (this.state.picture && performance.now() - this.pictureSince > STEADY_MS) this.tries = 0;
    const wait = AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)] ?? 0;
    const words = this.transcode ? { text: strings.grid.unplayable(this.codec), remedy: strings.grid.unplayableRemedy } : { text: strings.grid.lost, remedy: strings.grid.again };
    this.say({ ...NOTHING, problem: why ?? words });
    clearTimeout(this.timer);
    if (!this.wanted) return;
    const again = () => {
      if (this.wanted && !this.ended && !this.feed) this.timer = window.setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2)); // not a whole wall at once
    };
    if (session) void checkSession().then(again); // where it has ended, this page goes
    else again();
  }

  private look(): void {
    if (!this.feed) return;
    const quiet = performance.now() - this.since;
    if (this.state.picture && quiet > STILL_MS) this.say({ still: true });
    if (quiet <= DEAD_MS) return;
    this.feed.close();
    this.over(null, false);
  }
}
