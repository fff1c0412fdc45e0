// SPDX-License-Identifier: GPL-3.0-or-later
// Recorded footage of one stream in one <video>: a WebSocket (docs/spec/live.md) into a MediaSource. It is told which time of day is wanted, asks the
// server for it, and says what there is of that time: footage, a gap with its cause, or nothing yet. clock.ts says when.
import { Problem, pathOf, segment } from "../api";
import { rfc3339 } from "../app/time";
import { strings } from "../strings";
import { Malformed, type Bytes } from "../verify/bytes";
import { Splitter, stretch, withoutSound, type Fragment, type Header } from "./fragment";
import { Pieces, type Hole, type Place } from "./pieces";

export type Mode = "all" | "keys" | "back"; // back: key frames of the time before, shown from their end

export type Shown = Place | { kind: "end"; hole: Hole | null } | { kind: "wanted" } | { kind: "failed" };

const AHEAD_S = 10; // of media time at single speed
const ASK_AGAIN_MS = 400; // for more
const BACK_S = 30; // kept behind the picture
const FAR_MS = 24 * 3600_000; // asked for in one go
const BACKWARDS_MS = 20_000; // likewise, at single speed
const BACKWARDS_MAX_MS = 120_000;
const SEEKS_APART_MS = 120; // keys that are held down ask once in a while
const LEAD_MS = 15_000; // groups of pictures may be as long
const LEAD_NEEDED_MS = 200;
const END_AGAIN_MS = 2500; // whether more has been recorded since
const END_NEAR_MS = 120_000; // of now: it is asked for again and again
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const PICTURE_S = 0.005; // a picture keeps at least so much
const STUCK_MS = 1500; // a seek that has all it can get
const WITHIN_S = 0.001; // a picture is sought a little behind its beginning
const KEY_MAX_S = 30; // a key frame stands no longer
const HOLE_S = 0.1; // in media time: is closed
const HOLE_MOST_S = 2.5; // a track lasts at most 2 s longer than another

interface Ended {
  code: string;
  fault: string;
  text: string;
  remedy: string;
}

type Task = { kind: "header"; header: Header; type: string } | { kind: "media"; bytes: Bytes; offset: number } | { kind: "remove"; to: number };

// What was said by "custos.live.1"; members that are not known are passed over.
interface Said {
  codec?: string;
  at?: string;
  gap?: { from: string; to: string; cause: string };
  ended?: Ended;
}

export class Playback {
  problem: Problem | null = null;
  lacking: string | null = null; // the codec that this browser does not play
  transcoded = false;
  firstFrameMs: number | null = null; // from the last seek to its picture

  private source: MediaSource | null = null;
  private buffer: SourceBuffer | null = null;
  private signature = ""; // of the tracks in it
  private tasks: Task[] = [];
  private socket: WebSocket | null = null;
  private splitter = new Splitter();
  private pieces = new Pieces(0);
  private mode: Mode = "all";
  private codec = "";
  private offset: number | null = null; // media time less the stream's own
  private next = 1; // media time behind all that came
  private joint = 1; // where other footage is put behind it: sound that ends a little before the last picture does leaves no hole then
  private at: number | null = null; // of the fragment that comes next
  private lastAt: number | null = null; // of the one that came last
  private cause: string | null = null; // of the gap before what comes next
  private held: { fragment: Fragment; at: number; cause: string | null } | null = null; // a key frame that does not know yet how long it stands
  private over: "no" | "all" | "later" = "no"; // of the connection: all was sent, or it is asked again
  private trailing: Hole | null = null;
  private until = 0; // was asked for
  private askedMs = 0;
  private openedMs = 0;
  private tried = 0;
  private triedMs = 0;
  private lead = 0;
  private came = false; // something, by this connection
  private seekTo: number | null = null; // media time to go to as soon as that can be
  private wantedMs = 0;
  private seekWall: number | null = null; // which the run began for
  private seekingMs = 0; // when it was not seeking, last
  private pin: { wall: number; media: number } | null = null; // a picture that was chosen: what comes behind it moves times of day a little
  private why: Ended | null = null; // of what is tried again
  private rate = 1;
  private ended = false;
  private readonly onPresented = () => {
    if (this.seekTo === null && this.wantedMs) {
      this.firstFrameMs = performance.now() - this.wantedMs;
      this.wantedMs = 0;
    }
  };

  constructor(
    readonly video: HTMLVideoElement,
    readonly stream: string,
    private readonly keep: () => void, // what is on screen is about to go: keep a copy of it
  ) {
    video.addEventListener("loadedmetadata", () => this.go());
    video.addEventListener("seeked", this.onPresented);
  }

  // Says which time of day is wanted, and gets what there is of it. Called often.
  want(wall: number, mode: Mode, speed: number): Shown {
    if (this.ended || this.problem || this.lacking) return { kind: "failed" };
    this.rate = Math.max(1, Math.abs(speed));
    if (mode !== this.mode || !this.openedMs) this.open(wall, mode);
    let place = this.place(wall);
    if (this.isElsewhere(place, wall)) {
      if (performance.now() - this.openedMs < SEEKS_APART_MS) return { kind: "wanted" };
      this.open(wall, mode);
      place = this.place(wall);
    }
    this.tick(wall);
    if (place.kind !== "footage") return place;
    return { kind: "footage", media: this.reachable(this.pin?.wall === wall ? this.pin.media : place.media) };
  }

  // Forgets what failed, and asks again.
  again(): void {
    this.problem = null;
    this.lacking = null;
    this.tried = 0;
    this.why = null;
    this.openedMs = 0;
  }

  // The time of day of the picture on screen.
  get wall(): number | null {
    return this.seekTo === null && this.video.readyState >= 2 ? this.pieces.wallOf(this.video.currentTime) : null;
  }

  // Whether it can go on from `media` on.
  ready(media: number): boolean {
    const v = this.video;
    if (this.seekTo !== null || v.seeking || v.readyState < 2) return false;
    const near = this.next - media < 0.35 && (this.over === "all" || this.at !== null);
    return v.readyState >= 3 || near;
  }

  // The time of day of the picture on screen, which stays there for as long as that time is wanted.
  stand(): number | null {
    return this.wall === null ? null : this.pinned(this.video.currentTime);
  }

  // One picture further or back; its time of day, or null where it is not here.
  step(direction: 1 | -1): number | null {
    const media = this.video.currentTime;
    const frame = direction > 0 ? this.pieces.nextFrame(media) : this.pieces.previousFrame(media);
    return frame === null ? null : this.pinned(frame + WITHIN_S);
  }

  // Whether both are the same picture.
  isSame(a: number, b: number): boolean {
    return this.pieces.frameAt(a) === this.pieces.frameAt(b);
  }

  // The picture that a time of day stands at, going back: the newest key frame at or before.
  keyAt(media: number): number {
    return this.pieces.frameAt(media) ?? media;
  }

  holes(): Hole[] {
    return this.pieces.holes();
  }

  close(): void {
    this.ended = true;
    this.hangUp();
    this.dropSource();
    this.video.removeEventListener("seeked", this.onPresented);
  }

  // --- which time ---

  private pinned(media: number): number | null {
    const wall = this.pieces.wallOf(media);
    this.pin = wall === null ? null : { wall, media };
    return wall;
  }

  // Sound and pictures do not end together: where pieces meet, the buffer may have a small hole, which can be played over but not sought into.
  private reachable(media: number): number {
    const { buffer } = this;
    let [before, behind] = [-Infinity, Infinity];
    for (let i = 0; buffer && i < buffer.buffered.length; i++) {
      const [start, end] = [buffer.buffered.start(i), buffer.buffered.end(i)];
      if (start <= media && media < end) return media;
      if (end <= media) before = Math.max(before, end);
      if (start > media) behind = Math.min(behind, start);
    }
    const known = behind < Infinity || (!this.tasks.length && !buffer?.updating && (this.at !== null || this.over === "all"));
    if (media - before > HOLE_MOST_S || !known) return media;
    return behind - media < media - before ? behind + 0.001 : before - 0.02;
  }

  private place(wall: number): Shown {
    const place = this.pieces.place(wall);
    if (place.kind !== "behind") return place;
    if (this.at !== null && this.held === null && this.mode !== "back") {
      const hole = this.pieces.holeBefore(this.at, this.cause);
      if (hole && wall < hole.to) return { kind: "gap", hole };
    }
    if (this.over === "all" && this.mode === "back") return { kind: "gap", hole: { from: this.pieces.wallEnd, to: Math.max(wall, this.pieces.wallEnd), cause: this.trailing?.cause ?? "unknown", open: this.pieces.empty } };
    if (this.over === "all") return { kind: "end", hole: this.trailing };
    return { kind: "wanted" };
  }

  // Neither here nor on its way.
  private isElsewhere(place: Shown, wall: number): boolean {
    if (place.kind === "before") return true;
    if (place.kind === "end") return wall - this.pieces.wallEnd > 60_000 && wall < Date.now();
    return place.kind === "wanted" && this.over === "no" && this.mode !== "back" && wall - Math.max(this.pieces.wallEnd, this.at ?? 0, this.seekWall ?? 0) > 5000 * this.rate;
  }

  private open(wall: number, mode: Mode): void {
    this.hangUp();
    this.mode = mode;
    this.openedMs = performance.now();
    this.wantedMs = this.openedMs;
    this.tasks = this.tasks.filter((t) => t.kind === "header"); // its tracks stand
    this.next = Math.ceil(this.next) + 10;
    this.tasks.push({ kind: "remove", to: this.next - 5 });
    this.seekTo = this.next;
    this.offset = null;
    this.pin = null;
    this.trailing = null;
    this.tried = 0;
    this.why = null;
    const back = Math.min(BACKWARDS_MS * this.rate, BACKWARDS_MAX_MS);
    const from = mode === "back" ? wall - back : wall - this.lead;
    this.pieces = new Pieces(from);
    this.seekWall = mode === "back" ? null : wall;
    this.connect(from, mode === "back" ? wall : from + FAR_MS);
  }

  // --- the connection ---

  private connect(from: number, until: number): void {
    this.hangUp();
    const origin = location.origin.replace(/^http/, "ws");
    const query = { from: rfc3339(from), until: rfc3339(until), keys_only: this.mode === "all" ? null : true, as: this.transcoded ? "h264" : null };
    const socket = new WebSocket(origin + pathOf(`/api/v1/streams/${segment(this.stream)}/playback`, query), "custos.live.1");
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.splitter = new Splitter();
    this.at = null;
    this.cause = null;
    this.over = "no";
    this.came = false;
    this.triedMs = performance.now();
    this.until = 0;
    socket.onopen = () => this.socket === socket && this.sayUntil(this.mode === "back" ? until : from + (AHEAD_S * 1000 + this.lead) * this.rate);
    socket.onmessage = (m: MessageEvent<string | ArrayBuffer>) => this.socket === socket && this.heard(m.data);
    socket.onclose = () => this.socket === socket && this.lost();
  }

  private hangUp(): void {
    const socket = this.socket;
    this.socket = null;
    this.held = null;
    socket?.close();
  }

  private lost(): void {
    this.socket = null;
    if (this.over !== "no") return;
    if (!this.came && this.transcoded) {
      this.lacking = this.codec;
      return;
    }
    this.over = "later";
  }

  private sayUntil(wall: number): void {
    if (wall - this.until < 1000 || this.socket?.readyState !== WebSocket.OPEN) return;
    this.until = wall;
    this.socket.send(JSON.stringify({ until: rfc3339(wall) }));
  }

  private heard(data: string | ArrayBuffer): void {
    try {
      if (typeof data === "string") this.told(JSON.parse(data) as Said);
      else for (const part of this.splitter.push(new Uint8Array(data))) this.take(part);
    } catch (why) {
      if (!(why instanceof Malformed) && !(why instanceof SyntaxError) && !(why instanceof RangeError)) throw why;
      this.fail("protocol", why.message, strings.camera.malformedRemedy);
    }
  }

  private fail(code: string, text: string, remedy: string, fault = ""): void {
    this.hangUp();
    this.problem = new Problem(0, code, fault, text, remedy);
  }

  private told(said: Said): void {
    if (said.codec !== undefined) this.codec = said.codec;
    if (said.at !== undefined) this.onAt(Date.parse(said.at));
    if (said.gap) this.onGap(said.gap.cause, Date.parse(said.gap.to));
    if (said.ended) this.onEnded(said.ended);
  }

  private onAt(at: number): void {
    const held = this.held;
    this.held = null;
    if (held) this.emit(held.fragment, held.at, held.cause, this.cause === null ? (at - held.at) / 1000 : 1);
    this.at = at;
  }

  private onGap(cause: string, to: number): void {
    this.cause = cause;
    this.trailing = { from: this.pieces.wallEnd, to, cause };
  }

  private onEnded(ended: Ended): void {
    const held = this.held;
    this.held = null;
    if (held) this.emit(held.fragment, held.at, held.cause, 1);
    this.socket = null;
    if (ended.code === "ok") {
      this.over = "all";
    } else if (this.transcoded && (ended.fault === "transcoders" || ["invalid", "not_found"].includes(ended.code))) {
      this.lacking = this.codec;
    } else if (["timeout", "unavailable", "exhausted"].includes(ended.code)) {
      this.over = "later"; // exhausted: who seeks again and again is faster than the recorder's players end
      this.why = ended;
    } else {
      this.fail(ended.code, ended.text, ended.remedy, ended.fault);
    }
  }

  private take(part: Header | Fragment): void {
    if (part.kind === "header") {
      this.takeHeader(part);
      return;
    }
    const at = this.at ?? Date.now();
    const cause = this.cause;
    this.at = null;
    this.cause = null;
    this.came = true;
    this.tried = 0;
    this.why = null;
    this.trailing = null;
    if (this.lastAt !== null && !this.pieces.empty && at <= this.lastAt) return; // it came by the connection before
    if (this.pieces.empty && this.leadIsNeeded(at, cause)) return;
    if (this.mode !== "all" && part.only) this.held = { fragment: part, at, cause };
    else this.emit(part, at, cause, null);
  }

  // Asked for within a group of pictures, it begins behind it: from further before, then.
  private leadIsNeeded(at: number, cause: string | null): boolean {
    if (this.seekWall === null || this.lead || cause !== null || at - this.seekWall < LEAD_NEEDED_MS || at - this.seekWall > LEAD_MS) return false;
    this.lead = LEAD_MS;
    this.open(this.seekWall, this.mode);
    return true;
  }

  private takeHeader(header: Header): void {
    const quiet = this.mode === "all" ? header : withoutSound(header);
    const codecs = this.mode === "all" || quiet === header ? this.codec : (this.codec.split(",")[header.tracks.findIndex((t) => t.video)] ?? this.codec);
    const type = `video/mp4; codecs="${codecs}"`;
    if (MediaSource.isTypeSupported(type)) {
      this.tasks.push({ kind: "header", header: quiet, type });
      this.pump();
    } else if (this.transcoded) {
      this.hangUp();
      this.lacking = codecs;
    } else {
      this.transcoded = true;
      this.openedMs = 0; // asked again, as something else
    }
  }

  private emit(fragment: Fragment, at: number, cause: string | null, seconds: number | null): void {
    if (seconds !== null) stretch(fragment, Math.min(Math.max(seconds, 0.04), KEY_MAX_S));
    if (this.offset === null || Math.abs(fragment.start + this.offset - this.next) > HOLE_S || seconds !== null) this.offset = (this.pieces.empty ? this.next : this.joint) - fragment.start;
    const offset = this.offset;
    const media = fragment.start + offset;
    this.next = fragment.end + offset;
    this.joint = Math.max(fragment.shortest, (fragment.frames[fragment.frames.length - 1] ?? fragment.start) + PICTURE_S) + offset;
    this.lastAt = at;
    this.pieces.add({ wall: at, media, end: this.next, frames: fragment.frames.map((f) => f + offset), cause });
    this.tasks.push({ kind: "media", bytes: fragment.bytes, offset });
    this.pump();
  }

  // --- the buffer ---

  private pump(): void {
    while (this.tasks.length && !this.buffer?.updating && this.source?.readyState !== "closed") {
      const task = this.tasks[0];
      if (!task || !this.run(task)) return;
      this.tasks.shift();
    }
  }

  // False: later.
  private run(task: Task): boolean {
    const { buffer } = this;
    try {
      if (task.kind === "header") return this.begin(task.header, task.type);
      if (!buffer) return task.kind === "remove"; // nothing is there to be removed
      if (task.kind === "remove") {
        if (buffer.buffered.length && buffer.buffered.start(0) < task.to) buffer.remove(0, task.to);
        return true;
      }
      if (Math.abs(buffer.timestampOffset - task.offset) > 0.0001) buffer.timestampOffset = task.offset;
      buffer.appendBuffer(task.bytes);
      return true;
    } catch (why) {
      if (why instanceof DOMException && why.name === "QuotaExceededError" && buffer && this.video.currentTime > 2) {
        buffer.remove(0, this.video.currentTime - 1);
        return false;
      }
      if (!(why instanceof DOMException)) throw why;
      this.fail("protocol", strings.camera.notDecoded, strings.camera.malformedRemedy);
      return false;
    }
  }

  // Other tracks need another MediaSource: what is before them is played first.
  private begin(header: Header, type: string): boolean {
    const signature = header.tracks.map((t) => `${t.id}${t.video}`).join();
    if (this.buffer && signature === this.signature) {
      this.buffer.changeType(type);
      this.buffer.appendBuffer(header.bytes);
      return true;
    }
    const left = this.buffer && this.buffer.buffered.length && this.seekTo === null ? this.buffer.buffered.end(this.buffer.buffered.length - 1) - this.video.currentTime : 0;
    if (left > 0.1) return false;
    this.dropSource();
    const source = new MediaSource();
    this.source = source;
    this.signature = signature;
    source.addEventListener("sourceopen", () => {
      if (this.source !== source) return;
      URL.revokeObjectURL(this.video.src);
      const buffer = source.addSourceBuffer(type);
      this.buffer = buffer;
      buffer.addEventListener("updateend", () => {
        this.go();
        this.pump();
      });
      buffer.appendBuffer(header.bytes);
    }, { once: true });
    this.seekTo = this.seekTo ?? this.video.currentTime;
    this.video.src = URL.createObjectURL(source);
    return true;
  }

  private dropSource(): void {
    this.source = null;
    this.buffer = null;
    if (!this.video.src) return;
    this.keep();
    this.video.removeAttribute("src");
    this.video.load();
  }

  // To where the run began, as soon as that is there.
  private go(): void {
    if (this.seekTo === null || !this.buffer || this.pieces.empty || this.video.readyState < 1) return;
    const wanted = this.seekWall === null ? null : this.pieces.place(this.seekWall);
    if (this.mode === "back" && this.over === "no") return; // its end is shown first
    const edge = (this.mode === "back" ? this.pieces.last : this.pieces.first)?.media ?? 0;
    const media = wanted?.kind === "footage" ? wanted.media : Math.max(this.seekTo, edge);
    const { buffered } = this.buffer;
    for (let i = 0; i < buffered.length; i++) {
      if (media < buffered.start(i) - 0.5 || media > buffered.end(i)) continue;
      this.seekTo = null;
      this.video.currentTime = Math.max(media, buffered.start(i));
      return;
    }
  }

  // --- what is due ---

  private tick(wall: number): void {
    const now = performance.now();
    this.go();
    this.pump();
    if (this.over === "later" && now - this.triedMs > (RETRY_MS[Math.min(this.tried, RETRY_MS.length - 1)] ?? 0) && this.isLow()) {
      this.tried++;
      if (this.tried > RETRY_MS.length) this.fail(this.why?.code ?? "unavailable", this.why?.text ?? strings.common.unreachable, this.why?.remedy ?? strings.common.unreachableRemedy, this.why?.fault);
      else this.goOn();
    } else if (this.over === "all" && this.mode !== "back" && this.isLow() && now - this.triedMs > END_AGAIN_MS && (this.came || Date.now() - wall < END_NEAR_MS)) {
      this.goOn();
    } else if (this.over === "no" && this.mode !== "back" && (now - this.askedMs > ASK_AGAIN_MS || wall > this.pieces.wallEnd)) {
      this.askedMs = now;
      // Of what is wanted, which may be further on than the picture; within a gap, which may be long, no more than that.
      const ahead = Math.min(this.aheadS(), Math.max((this.pieces.wallEnd - wall) / 1000, -AHEAD_S * this.rate));
      if (ahead < AHEAD_S * this.rate) this.sayUntil(Math.max(this.at ?? 0, this.pieces.wallEnd) + (AHEAD_S * this.rate - ahead) * 1000);
    }
    this.unstick(wall);
    const behind = this.video.currentTime - BACK_S * this.rate;
    if (this.mode !== "back" && this.seekTo === null && this.buffer?.buffered.length && this.buffer.buffered.start(0) < behind - BACK_S) {
      this.tasks.push({ kind: "remove", to: behind });
      this.pieces.drop(behind);
    }
  }

  private aheadS(): number {
    return this.seekTo === null ? this.next - this.video.currentTime : 0;
  }

  private isLow(): boolean {
    return this.aheadS() < 3 * this.rate;
  }

  // From where the last connection ended, on the same time line.
  private goOn(): void {
    const from = this.mode === "back" ? this.pieces.from : this.pieces.wallEnd - 10;
    const back = Math.min(BACKWARDS_MS * this.rate, BACKWARDS_MAX_MS);
    this.offset = null;
    this.connect(from, from + (this.mode === "back" ? back : FAR_MS));
  }

  // Where nothing is between the picture and what comes, it goes there.
  private unstick(wall: number): void {
    const { video, buffer } = this;
    if (!video.seeking) this.seekingMs = performance.now();
    if (!buffer || this.seekTo !== null || video.readyState > 2) return;
    if (video.seeking) {
      if (performance.now() - this.seekingMs > STUCK_MS && !buffer.updating) this.leap(wall, buffer.buffered);
      return;
    }
    for (let i = 0; i < buffer.buffered.length; i++) {
      const start = buffer.buffered.start(i);
      if (start > video.currentTime && start - video.currentTime < HOLE_MOST_S) video.currentTime = start + 0.001;
    }
  }

  // A decoder shows nothing of the last tenths of a second before a hole, and a seek there never ends: behind the hole, then.
  private leap(wall: number, buffered: TimeRanges): void {
    for (let i = 0; i < buffered.length; i++) {
      const start = buffered.start(i);
      if (start <= this.video.currentTime || start - this.video.currentTime >= HOLE_MOST_S) continue;
      this.pin = { wall, media: start + 0.001 };
      this.seekingMs = performance.now();
      this.video.currentTime = start + 0.001;
      return;
    }
  }
}
