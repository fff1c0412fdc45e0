// SPDX-License-Identifier: GPL-3.0-or-later
// One camera of the grid: its picture, who it is, what its wire carries, and where nothing is seen, why and what to do.
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { mainOf, pathOfStream, subOf, type Camera, type StreamState } from "../app/cameras";
import { follow } from "../app/route";
import { LivePlayer, type LiveState } from "../media/live";
import { strings } from "../strings";
import { Icon } from "../ui/icon";
import { Protection } from "../ui/protection";
import "./tile.css";

const text = strings.grid;
const SKIPPED_MS = 4000;

// Whether anybody can see this element: within the window, and the tab in front.
function useOnScreen(element: RefObject<HTMLElement>): boolean {
  const [on, setOn] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    let within = false;
    const say = () => setOn(within && !document.hidden);
    const watch = new IntersectionObserver((seen) => {
      within = seen.some((s) => s.isIntersecting);
      say();
    });
    watch.observe(element.current);
    document.addEventListener("visibilitychange", say);
    return () => {
      watch.disconnect();
      document.removeEventListener("visibilitychange", say);
    };
  }, [element]);
  return on;
}

// A player of that stream while it is given; null: none.
function usePlayer(video: RefObject<HTMLVideoElement>, stream: string | null, sound: boolean, wanted: boolean): LiveState | null {
  const [state, setState] = useState<LiveState | null>(null);
  const player = useRef<LivePlayer | null>(null);
  useEffect(() => {
    if (!video.current || !stream) return;
    const made = new LivePlayer(video.current, stream, sound, setState);
    player.current = made;
    return () => {
      player.current = null;
      made.close();
      setState(null);
    };
  }, [stream, sound]);
  useEffect(() => player.current?.want(wanted), [stream, sound, wanted]);
  return state;
}

interface Reason {
  text: string;
  remedy: string;
  waits?: boolean; // it comes by itself
}

// Why a camera is not seen, nearest cause first; null: nothing known is in the way.
function reasonOf(camera: Camera, stream: StreamState | undefined): Reason | null {
  if (camera.away) return { text: camera.away.detail, remedy: camera.away.remedy };
  if (!stream || stream.state === "streaming") return null;
  if (stream.error || stream.fault) return { text: stream.error || stream.fault || "", remedy: stream.remedy ?? "" };
  return { text: text.starting, remedy: text.startingRemedy, waits: true };
}

function Badges({ live }: { live: LiveState | null }) {
  const [skipped, setSkipped] = useState(0);
  useEffect(() => {
    if (!live?.skipped) return;
    setSkipped(live.skipped.seconds);
    const timer = setTimeout(() => setSkipped(0), SKIPPED_MS);
    return () => clearTimeout(timer);
  }, [live?.skipped]);
  return (
    <div class="tile-badges" role="status">
      {live?.still && <span class="tile-badge tile-badge-warn" title={text.stillAbout}><Icon name="pause" />{text.still}</span>}
      {skipped > 0 && <span class="tile-badge tile-badge-warn"><Icon name="forward" />{text.skipped(skipped)}</span>}
      {live?.transcoded && <span class="tile-badge" title={text.transcodedAbout}>{text.transcoded}</span>}
    </div>
  );
}

function Recorded({ recording }: { recording: boolean }) {
  const word = recording ? text.recorded : text.notRecorded;
  return (
    <span class={`tile-record${recording ? " tile-recording" : ""}`} title={word}>
      <Icon name="record" />
      <span class="tile-word">{word}</span>
    </span>
  );
}

interface Props {
  camera: Camera;
  large: boolean;
  hidden: boolean; // another one is large
  toggle: () => void;
}

export function Tile({ camera, large, hidden, toggle }: Props) {
  const whole = useRef<HTMLDivElement>(null);
  const small = useRef<HTMLVideoElement>(null);
  const wide = useRef<HTMLVideoElement>(null);
  const [muted, setMuted] = useState(true);
  const onScreen = useOnScreen(whole);
  const main = mainOf(camera);
  const state = camera.states.get(large ? main : subOf(camera)) ?? camera.states.get(main);
  const reason = reasonOf(camera, state);
  const wanted = onScreen && !(reason && !reason.waits);
  const second = large ? pathOfStream(camera.name, main) : null;
  // The picture of the grid stays below until the large one has a frame, so nothing goes black in between.
  const of2 = usePlayer(wide, second, true, wanted);
  const of1 = usePlayer(small, pathOfStream(camera.name, subOf(camera)), false, wanted && !hidden && !of2?.picture);
  const live = of2?.picture ? of2 : of1;
  const problem: Reason | null = reason ?? (live?.problem || (large ? of2?.problem : null)) ?? null;
  useEffect(() => {
    if (!large) setMuted(true);
  }, [large]);
  const seen = !!(of1?.picture || of2?.picture);
  const where = large ? text.shrink : text.enlarge(camera.name);
  return (
    <div ref={whole} class={`tile${large ? " tile-large" : ""}`} data-camera={camera.name} data-seen={seen || undefined}>
      <video ref={small} class="tile-video" muted playsInline disablePictureInPicture tabIndex={-1} aria-label={camera.name} />
      <video ref={wide} class="tile-video" hidden={!of2?.picture} muted={muted} playsInline disablePictureInPicture tabIndex={-1} aria-label={camera.name} />
      {!seen && <Unseen problem={problem} onScreen={onScreen} />}
      <button type="button" class="tile-open" aria-label={where} title={large ? undefined : where} onClick={toggle} />
      <div class="tile-bar">
        <span class="tile-name">{camera.name}</span>
        {state?.alarm && <span class="tile-alarm" title={`${state.alarm.text} ${state.alarm.remedy}`}><Icon name="warning" label={state.alarm.text} /></span>}
        {state && <Recorded recording={state.recording} />}
        {state && <Protection protection={state.protection} state={state.state} />}
      </div>
      <Badges live={live} />
      {large && (
        <div class="tile-tools">
          {of2?.sound === "there" && (
            <button type="button" class="tile-tool" aria-pressed={!muted} aria-label={text.sound} title={text.sound} onClick={() => setMuted(!muted)}>
              <Icon name={muted ? "silent" : "sound"} />
            </button>
          )}
          {of2?.sound === "unplayable" && <span class="tile-tool" title={text.soundUnplayable}><Icon name="silent" label={text.soundUnplayable} /></span>}
          <a class="tile-tool" href={`/camera/${encodeURIComponent(camera.name)}`} onClick={follow}><Icon name="clock" />{text.past}</a>
          <button type="button" class="tile-tool" onClick={toggle}><Icon name="cross" />{strings.common.close}</button>
        </div>
      )}
    </div>
  );
}

function Unseen({ problem, onScreen }: { problem: Reason | null; onScreen: boolean }) {
  if (!problem || problem.waits)
    return (
      <div class="tile-unseen">
        <div class="tile-waits" aria-hidden={!onScreen}><span class="sr-only">{text.connecting}</span></div>
        {problem && <p>{problem.text}</p>}
      </div>
    );
  return (
    <div class="tile-unseen" role="status">
      <p class="tile-why"><Icon name="cross" /><span><strong>{text.notSeen}</strong> {problem.text}</span></p>
      {problem.remedy && <p class="tile-remedy">{problem.remedy}</p>}
    </div>
  );
}
