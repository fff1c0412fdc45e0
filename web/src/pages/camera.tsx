// SPDX-License-Identifier: GPL-3.0-or-later
// One camera, or up to four in step: live at the right end of the timeline, and back in time.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { pathOf } from "../api";
import { mainOf, pathOfStream, useCameras } from "../app/cameras";
import { useKeys } from "../app/keys";
import { follow, go, usePlace } from "../app/route";
import { duration, inputValue, ofInput, rfc3339, stamp } from "../app/time";
import { Clock, SPEEDS, type ClockState } from "../media/clock";
import type { Hole } from "../media/pieces";
import { Playback } from "../media/playback";
import { strings } from "../strings";
import { recordedWithin, useTimelines } from "../timeline/fetch";
import { DAY, SPAN_MAX, type Fetched, following, gapFrom, zoomed, type Span } from "../timeline/model";
import { Timeline, spokenAt } from "../timeline/timeline";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Menu } from "../ui/menu";
import { Notice } from "../ui/notice";
import { toast } from "../ui/toast";
import { Picture, type PictureHandle } from "./picture";
import "./camera.css";

const text = strings.camera;
const MOST = 4; // in step
const FIRST_SPAN = DAY / 24;
const JUMP_MS = 5000;
const LIVE_NEAR_MS = 20_000; // of now: what ends there goes on live
const BEFORE_LIVE_MS = 8000; // of now: the newest that is certainly recorded
const FOLLOW_MS = 500;
const INTO_GAP_MS = 500; // the picture before it stands for a while
const ZOOM = 2;
const SELECT_PART = 0.1; // of the view, to either side

// The address says which cameras and, when it is opened, which time.
function camerasOf(name: string, query: URLSearchParams): string[] {
  const others = (query.get("with") ?? "").split(",").filter((n) => n && n !== name);
  return [name, ...new Set(others)].slice(0, MOST);
}

// What the player cannot know (a gap that is met from behind), the timeline may.
function causeOf(store: Fetched | undefined, hole: Hole): string {
  const known = hole.cause === "unknown" ? store?.parts(hole, Date.now()).gaps.find((g) => g.cause !== "start" && g.from < hole.to && g.to > hole.from) : undefined;
  const cause = known?.cause ?? hole.cause;
  return text.causes[cause] ?? cause;
}

const addressOf = ([first = "", ...others]: string[]): string => pathOf(`/camera/${encodeURIComponent(first)}`, { with: others.length ? others.join(",") : null });

export default function Camera({ name }: { name: string }) {
  const { query } = usePlace();
  const known = useCameras();
  const cameras = camerasOf(name, query);
  const asked = useRef(Date.parse(query.get("at") ?? ""));
  const begin = Number.isFinite(asked.current) ? asked.current : null;
  const [live, setLive] = useState(begin === null);
  const [state, setState] = useState<ClockState | null>(null);
  const [view, setViewOnly] = useState<Span>(() => { const to = (begin ?? Date.now()) + FIRST_SPAN * 0.05; return { from: to - FIRST_SPAN, to }; });
  const [selection, setSelection] = useState<Span | null>(null);
  const [sound, setSound] = useState({ on: false, volume: 1 });
  const [said, setSaid] = useState("");
  const moved = useRef(0); // when the view was moved by hand
  const page = useRef<HTMLDivElement>(null);
  const handles = useRef<(PictureHandle | null)[]>([]);
  const clock = useMemo(() => new Clock(setState), []);
  const streams = cameras.map((c) => { const found = known.value?.find((k) => k.name === c); return pathOfStream(c, found ? mainOf(found) : "main"); });
  const timelines = useTimelines(cameras, view);
  const there = (known.value?.some((k) => k.name === name) ?? true) || timelines.version > 0;
  const [players, setPlayers] = useState<(Playback | null)[]>([]);
  const at = live ? Date.now() : (state?.wall ?? Date.now());

  const setView = useCallback((next: Span) => {
    moved.current = performance.now();
    setViewOnly(next);
  }, []);

  useEffect(() => () => clock.close(), [clock]);
  // Players come and go with the pictures that hold their <video>; none while all is live.
  useEffect(() => {
    if (live) {
      clock.setPlayers([]);
      setPlayers([]);
      return;
    }
    const made = cameras.map((_, i) => { const h = handles.current[i]; return h ? new Playback(h.video, streams[i] ?? "", h.keep) : null; });
    clock.setPlayers(made.filter((p) => p !== null));
    setPlayers(made);
    return () => {
      clock.setPlayers([]);
      made.forEach((p) => p?.close());
    };
  }, [clock, live, streams.join(), there]);
  useEffect(() => {
    if (begin !== null) { clock.wall = begin; clock.play(1); }
  }, [clock]);
  useEffect(() => {
    clock.recordedBefore = async (wall) => {
      for (const span of [DAY / 24, DAY, SPAN_MAX, 4 * SPAN_MAX]) {
        const found = await Promise.all(cameras.map((c) => recordedWithin(c, { from: wall - span, to: wall })));
        const ends = found.flatMap((s) => (s ? [s.to] : []));
        if (ends.length) return Math.max(...ends);
      }
      return null;
    };
  }, [clock, cameras.join()]);
  // The view goes with what is shown, unless somebody has just moved it.
  useEffect(() => {
    const timer = setInterval(() => {
      if (performance.now() - moved.current < 8000 || !(live || clock.playing)) return;
      setViewOnly((v) => following(v, live ? Date.now() : clock.wall, Date.now()));
    }, FOLLOW_MS);
    return () => clearInterval(timer);
  }, [clock, live]);

  const seek = useCallback((to: number) => {
    const now = Date.now();
    if (to > now - 2000) {
      setLive(true);
      return;
    }
    clock.seek(to);
    if (live) {
      clock.speed = 1;
      clock.playing = true;
    }
    setLive(false);
    setViewOnly((v) => following(v, to, now));
  }, [clock, live]);
  const goLive = () => {
    clock.pause();
    clock.speed = 1;
    setLive(true);
    setViewOnly((v) => following(v, Date.now(), Date.now()));
  };
  // What is live can be left for a moment ago, and played from there.
  const past = (back = BEFORE_LIVE_MS) => { if (live) seek(Date.now() - back); };

  // At the end of what is recorded: live, where that is now.
  useEffect(() => {
    if (live || !state?.atEnd || !state.playing) return;
    if (state.speed > 0 && Date.now() - state.wall < LIVE_NEAR_MS) goLive();
    else clock.pause();
  }, [live, state?.atEnd, state?.playing]);

  const toggle = () => {
    if (live) { past(); clock.pause(); } else if (clock.playing) clock.pause();
    else clock.play(clock.speed > 0 ? clock.speed : 1);
  };
  const jump = (by: number) => (live ? by < 0 && past(BEFORE_LIVE_MS - by - JUMP_MS) : seek(clock.wall + by));
  const step = (direction: 1 | -1) => { if (live) { past(); clock.pause(); } else clock.step(direction); };
  const faster = (direction: 1 | -1) => { if (live && direction > 0) return; past(); clock.faster(direction); };
  const toGap = (direction: 1 | -1) => {
    const parts = timelines.stores[0]?.parts(view, Date.now());
    const gap = parts && gapFrom(parts, at, direction);
    if (gap) {
      clock.pause();
      seek(Math.min(gap.from + INTO_GAP_MS, (gap.from + gap.to) / 2));
    }
    setSaid(gap ? `${stamp(gap.from)}, ${text.gapHere(text.causes[gap.cause] ?? gap.cause)}` : text.timeline.noGap);
  };
  const toBegin = async () => {
    const now = Date.now();
    const all = await Promise.all(cameras.map((c) => recordedWithin(c, { from: now - 4 * SPAN_MAX, to: now }).catch(() => null)));
    const first = Math.min(...all.flatMap((s) => (s ? [s.from] : [])));
    if (!Number.isFinite(first)) return;
    if (clock.speed < 0) clock.speed = 1;
    seek(first + 1);
  };
  const mark = (which: "from" | "to") => {
    const other = selection?.[which === "from" ? "to" : "from"] ?? at;
    const next = { from: other, to: other, [which]: at };
    setSelection({ from: Math.min(next.from, next.to), to: Math.max(next.from, next.to) });
  };
  // Something around what is shown, for the handles to take.
  const select = () => {
    const span = (view.to - view.from) * SELECT_PART;
    const to = Math.min(Math.max(at, view.from + span) + span, view.to, Date.now());
    setSelection({ from: to - 2 * span, to });
  };
  const zoom = (factor: number) => setView(zoomed(view, factor, Math.min(Math.max(at, view.from), view.to), Date.now()));
  const full = () => void (document.fullscreenElement ? document.exitFullscreen() : page.current?.requestFullscreen().catch(() => {}));
  const still = async () => {
    const done = await handles.current[0]?.save(at);
    toast(done ? text.stillSaved : text.stillNone);
  };

  useKeys([
    { keys: [" "], show: "Space", about: text.help.play, run: toggle },
    { keys: ["ArrowLeft", "ArrowRight"], show: "← →", about: text.help.seconds, run: (key) => jump(key === "ArrowLeft" ? -JUMP_MS : JUMP_MS) },
    { keys: ["Shift+ArrowLeft", "Shift+ArrowRight"], show: "Shift + ← →", about: text.help.frame, run: (key) => step(key === "Shift+ArrowLeft" ? -1 : 1) },
    { keys: ["j", "k", "l"], show: "J K L", about: text.help.speeds, run: (key) => (key === "k" ? (live ? toggle() : clock.pause()) : faster(key === "j" ? -1 : 1)) },
    { keys: ["Home", "End"], show: "Home End", about: text.help.ends, run: (key) => (key === "End" ? goLive() : void toBegin()) },
    { keys: ["n", "p"], show: "N P", about: text.help.gaps, run: (key) => toGap(key === "n" ? 1 : -1) },
    { keys: ["i", "o"], show: "I O", about: text.help.range, run: (key) => mark(key === "i" ? "from" : "to") },
    { keys: ["+", "=", "-"], show: "+ −", about: text.help.zoom, run: (key) => zoom(key === "-" ? ZOOM : 1 / ZOOM) },
    { keys: ["m"], show: "M", about: text.help.sound, run: () => setSound((s) => ({ ...s, on: !s.on })) },
    { keys: ["f"], show: "F", about: text.help.full, run: full },
  ]);

  const shown = timelines.stores[0]?.parts(view, Date.now());
  const empty = !!shown && shown.known.length > 0 && shown.ranges.length === 0;
  const rest = (known.value ?? []).map((k) => k.name).filter((n) => !cameras.includes(n));
  const playing = live || !!state?.playing;
  const spoken = live ? text.live : `${text.speedShown(state?.speed ?? 1)}${Math.abs(state?.speed ?? 1) > 4 || (state?.speed ?? 1) < 0 ? `, ${text.keysOnly}` : ""}`;
  if (!there) return <Notice text={text.noCamera(name)} remedy={text.noCameraRemedy} />;
  return (
    <div class="camera" ref={page}>
      <div class="camera-head">
        <a class="button button-bare" href="/" onClick={follow} aria-label={text.back} title={text.back}><Icon name="back" /></a>
        <h1>{name}</h1>
        <time class="camera-time" dateTime={rfc3339(at)}>{live ? stamp(at) : stamp(at, !playing)}</time>
        <span class={`camera-mode${live ? " camera-live" : ""}`}>{live && <Icon name="record" />}{spoken}</span>
        <span class="camera-room" />
        {cameras.length < MOST && rest.length > 0 && (
          <Menu label={text.addCamera} bare show={<><Icon name="plus" /><span class="camera-wide">{text.addCamera}</span></>} choices={rest.map((n) => ({ text: n, icon: "camera" as const, run: () => go(addressOf([...cameras, n]), true) }))} />
        )}
      </div>
      <div class="camera-pictures" data-n={cameras.length}>
        {cameras.map((c, i) => (
          <Picture
            key={c}
            register={(h) => { handles.current[i] = h; }}
            name={c}
            stream={streams[i] ?? ""}
            live={live}
            player={players[i] ?? null}
            state={live ? null : (state?.players[players.slice(0, i).filter((p) => p !== null).length] ?? null)}
            waiting={!!state?.waiting}
            volume={sound.on && i === 0 ? sound.volume : 0}
            why={(hole) => causeOf(timelines.stores[i], hole)}
            at={at}
            again={() => players[i]?.again()}
            named={cameras.length > 1}
            close={i > 0 ? () => go(addressOf(cameras.filter((n) => n !== c)), true) : null}
          />
        ))}
      </div>
      <div class="camera-bar">
        <div class="camera-group">
          <span class="camera-wide"><Button kind="bare" aria-label={text.reverse} title={`${text.reverse} (J)`} onClick={() => faster(-1)}><Icon name="reverse" /></Button></span>
          <Button kind="bare" aria-label={text.frameBack} title={`${text.frameBack} (Shift ←)`} onClick={() => step(-1)}><Icon name="frame-back" /></Button>
          <Button kind="main" aria-label={playing ? text.pause : text.play} title={playing ? text.pause : text.play} onClick={toggle}><Icon name={playing ? "pause" : "play"} /></Button>
          <Button kind="bare" aria-label={text.frameOn} title={`${text.frameOn} (Shift →)`} onClick={() => step(1)}><Icon name="frame-on" /></Button>
        </div>
        <label class="camera-speed">
          <span class="sr-only">{text.speed}</span>
          <select value={String(Math.abs(state?.speed ?? 1))} disabled={live} onInput={(e) => { const to = Number(e.currentTarget.value); clock.speed = to; if (clock.playing) clock.play(to); }}>
            {SPEEDS.map((s) => <option key={s} value={String(s)}>{text.speedShown(s)}</option>)}
          </select>
        </label>
        <Button kind={live ? "bare" : "quiet"} disabled={live} onClick={goLive}><Icon name="record" />{text.live}</Button>
        <label class="camera-goto">
          <span class="sr-only">{text.goTo}</span>
          <input type="datetime-local" step="1" key={live ? "live" : Math.floor(at / 60_000)} defaultValue={inputValue(at)} title={text.goTo}
            onChange={(e) => { const to = ofInput(e.currentTarget.value); if (to) { seek(to.getTime()); e.currentTarget.blur(); } }} />
        </label>
        <span class="camera-room" />
        <div class="camera-group camera-tools">
          <Button kind="bare" aria-label={text.sound} aria-pressed={sound.on} title={`${text.sound} (M)`} onClick={() => setSound((s) => ({ ...s, on: !s.on }))}><Icon name={sound.on ? "sound" : "silent"} /></Button>
          {sound.on && <input class="camera-volume" type="range" min="0" max="1" step="0.05" value={sound.volume} aria-label={text.volume} onInput={(e) => setSound({ on: true, volume: Number(e.currentTarget.value) })} />}
          <Button kind="bare" aria-label={text.still} title={text.still} onClick={() => void still()}><Icon name="picture" /></Button>
          <Button kind="bare" aria-label={text.fullScreen} title={`${text.fullScreen} (F)`} onClick={full}><Icon name="full" /></Button>
          <span class="camera-wide"><Button kind="bare" aria-label={text.timeline.zoomOut} title={`${text.timeline.zoomOut} (−)`} onClick={() => zoom(ZOOM)}><Icon name="minus" /></Button></span>
          <span class="camera-wide"><Button kind="bare" aria-label={text.timeline.zoomIn} title={`${text.timeline.zoomIn} (+)`} onClick={() => zoom(1 / ZOOM)}><Icon name="plus" /></Button></span>
        </div>
      </div>
      {timelines.problem && timelines.problem.status !== 0 && <Notice problem={timelines.problem} />}
      <Timeline cameras={cameras} streams={streams} stores={timelines.stores} version={timelines.version} view={view} setView={setView} at={at} live={live} selection={selection} setSelection={setSelection} seek={seek} />
      <div class="camera-foot">
        {selection ? (
          <>
            <span class="camera-range">{text.rangeSelected(stamp(selection.from), stamp(selection.to), duration(selection.to - selection.from))}</span>
            <a class="button button-main" href={pathOf("/export", { stream: streams[0], from: rfc3339(selection.from), until: rfc3339(selection.to) })} onClick={follow}><Icon name="export" />{text.exportThis}</a>
            <Button kind="bare" onClick={() => setSelection(null)}>{text.clearRange}</Button>
          </>
        ) : (
          <>
            <Button onClick={select}><Icon name="range" />{text.select}</Button>
            <span class={empty ? undefined : "camera-hint"}>{empty ? text.nothing : text.rangeHint}</span>
          </>
        )}
        <span class="sr-only" role="status">{said}</span>
        <span class="sr-only" data-spoken>{spokenAt(timelines.stores[0], view, at)}</span>
      </div>
    </div>
  );
}
