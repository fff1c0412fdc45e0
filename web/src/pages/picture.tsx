// SPDX-License-Identifier: GPL-3.0-or-later
// One camera's picture on its page: live or recorded, and where there is none, why.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pathOf } from "../api";
import { follow } from "../app/route";
import { clock, day, duration, rfc3339, stamp } from "../app/time";
import type { PlayerState } from "../media/clock";
import { LivePlayer, type LiveState } from "../media/live";
import type { Hole } from "../media/pieces";
import type { Playback } from "../media/playback";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";

const text = strings.camera;
const PATIENT_MS = 350; // a wait that is shorter is not shown
const EXPORT_MS = 60_000; // offered where the browser plays nothing

export interface PictureHandle {
  video: HTMLVideoElement; // of what is recorded
  keep: () => void; // what is shown stays, until something else is
  save: (at: number) => Promise<boolean>;
}

interface Props {
  register: (handle: PictureHandle | null) => void;
  name: string;
  stream: string;
  live: boolean;
  player: Playback | null;
  state: PlayerState | null;
  waiting: boolean;
  volume: number; // 0: no sound
  why: (hole: Hole) => string; // the cause of a gap
  at: number;
  again: () => void;
  named: boolean; // one of several
  close: (() => void) | null;
}

function copy(from: HTMLVideoElement, to: HTMLCanvasElement): boolean {
  if (from.readyState < 2 || !from.videoWidth) return false;
  to.width = from.videoWidth;
  to.height = from.videoHeight;
  to.getContext("2d")?.drawImage(from, 0, 0);
  return true;
}

// A picture file that says in itself what it is not.
function save(from: HTMLVideoElement, name: string, at: number): Promise<boolean> {
  const canvas = document.createElement("canvas");
  const ctx = canvas.getContext("2d");
  if (!copy(from, canvas) || !ctx) return Promise.resolve(false);
  const size = Math.max(12, Math.round(canvas.height / 40));
  const style = getComputedStyle(from);
  ctx.fillStyle = style.getPropertyValue("--picture-veil");
  ctx.fillRect(0, canvas.height - 2 * size, canvas.width, 2 * size);
  ctx.fillStyle = style.getPropertyValue("--picture-text");
  ctx.font = `${size}px ${style.fontFamily}`;
  ctx.textBaseline = "middle";
  ctx.fillText(`${name}  ${stamp(at, true)}  ${text.stillMark}`, size, canvas.height - size, canvas.width - 2 * size);
  return new Promise((done) => {
    canvas.toBlob((blob) => {
      if (!blob) return done(false);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${name}_${day(at)}_${clock(at, true).replaceAll(":", "-")}_${text.stillFile}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      done(true);
    }, "image/png");
  });
}

// True once it has been so for a while.
function usePatience(so: boolean): boolean {
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!so) {
      setLong(false);
      return;
    }
    const timer = setTimeout(() => setLong(true), PATIENT_MS);
    return () => clearTimeout(timer);
  }, [so]);
  return so && long;
}

function Failed({ title, remedy, again, children }: { title: string; remedy: string; again?: () => void; children?: preact.ComponentChildren }) {
  return (
    <div class="picture-over" role="alert">
      <p class="picture-why"><Icon name="cross" />{title}</p>
      {remedy && <p>{remedy}</p>}
      {children}
      {again && <Button onClick={again}>{strings.common.again}</Button>}
    </div>
  );
}

function Past({ player, state, waiting, stream, at, again, why }: Pick<Props, "player" | "state" | "waiting" | "stream" | "at" | "again" | "why">) {
  const waits = usePatience(waiting && state?.shown.kind !== "gap" && state?.shown.kind !== "end" && state?.shown.kind !== "failed");
  const shown = state?.shown;
  const crossed = state?.crossed;
  if (player?.problem) return <Failed title={player.problem.detail} remedy={player.problem.remedy} again={again} />;
  if (player?.lacking)
    return (
      <Failed title={text.lacking(player.lacking)} remedy={text.lackingRemedy} again={again}>
        <a class="button button-main" href={pathOf("/export", { stream, from: rfc3339(at), until: rfc3339(at + EXPORT_MS) })} onClick={follow}><Icon name="export" />{text.exportThis}</a>
      </Failed>
    );
  return (
    <>
      {shown?.kind === "gap" && (
        <div class="picture-over" role="status">
          <p class="picture-why"><Icon name="warning" />{text.gapHere(why(shown.hole))}</p>
          <p>{text.gapUntil(stamp(shown.hole.to))}</p>
        </div>
      )}
      {shown?.kind === "end" && (
        <div class="picture-over" role="status">
          <p class="picture-why"><Icon name="info" />{text.atEnd}</p>
          {shown.hole && shown.hole.cause !== "start" && <p>{text.gapHere(why(shown.hole))}</p>}
        </div>
      )}
      {waits && <div class="picture-waits" role="status"><span class="sr-only">{text.loading}</span></div>}
      {crossed && shown?.kind !== "gap" && <p class="picture-crossed" role="status"><Icon name="warning" />{crossed.cause === "start" ? text.begins : text.gapJumped(why(crossed), duration(crossed.to - crossed.from))}</p>}
    </>
  );
}

export function Picture(props: Props) {
  const { name, stream, live, player, volume } = props;
  const now = useRef<HTMLVideoElement>(null);
  const past = useRef<HTMLVideoElement>(null);
  const hold = useRef<HTMLCanvasElement>(null);
  const [seen, setSeen] = useState<LiveState | null>(null);
  const shown = live ? now : past;

  // At once: the page's own effects may run before those of its parts, and make no player where there is no <video> yet.
  useLayoutEffect(() => {
    const keep = () => hold.current && ((past.current && copy(past.current, hold.current)) || (now.current && copy(now.current, hold.current)));
    if (past.current) props.register({ video: past.current, keep: () => void keep(), save: async (at) => (shown.current ? save(shown.current, name, at) : false) });
    return () => props.register(null);
  }, [name, live]);
  useEffect(() => {
    if (!live || !now.current) return;
    const video = now.current;
    const made = new LivePlayer(video, stream, true, setSeen);
    const look = () => made.want(!document.hidden);
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      if (hold.current) copy(video, hold.current);
      made.close();
      setSeen(null);
    };
  }, [live, stream]);
  useEffect(() => {
    for (const video of [now.current, past.current]) {
      if (!video) continue;
      video.muted = volume === 0 || video !== shown.current;
      video.volume = volume;
    }
  }, [volume, live]);

  const transcoded = live ? seen?.transcoded : player?.transcoded && !player.lacking;
  const dim = !live && props.state?.shown.kind === "gap";
  return (
    <section class={`picture${dim ? " picture-dim" : ""}`} aria-label={text.picture(name)} data-camera={name} data-shown={live ? (seen?.picture ? "live" : "waiting") : (props.state?.shown.kind ?? "waiting")}>
      <canvas ref={hold} class="picture-video" aria-hidden="true" />
      <video ref={past} class="picture-video" hidden={live} muted playsInline disablePictureInPicture tabIndex={-1} aria-label={text.picture(name)} />
      <video ref={now} class="picture-video" hidden={!live} muted playsInline disablePictureInPicture tabIndex={-1} aria-label={text.picture(name)} />
      {live && seen?.problem && <Failed title={seen.problem.text} remedy={seen.problem.remedy} />}
      {live && !seen?.problem && !seen?.picture && <div class="picture-waits" role="status"><span class="sr-only">{strings.grid.connecting}</span></div>}
      {!live && <Past {...props} />}
      <div class="picture-badges">
        {props.named && <span class="picture-badge">{name}{props.close && <button type="button" aria-label={text.removeCamera(name)} title={text.removeCamera(name)} onClick={props.close}><Icon name="cross" /></button>}</span>}
        {live && seen?.still && <span class="picture-badge" title={strings.grid.stillAbout}><Icon name="pause" />{strings.grid.still}</span>}
        {transcoded && <span class="picture-badge" title={text.transcodedAbout}>{text.transcoded}</span>}
      </div>
    </section>
  );
}
