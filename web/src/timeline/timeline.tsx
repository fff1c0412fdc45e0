// SPDX-License-Identifier: GPL-3.0-or-later
// The timeline of one camera or several in step: click seeks, drag moves, wheel and two fingers zoom about where they are, Shift and drag selects.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { clock, duration, stamp } from "../app/time";
import { strings } from "../strings";
import { Thumbnail } from "./thumbnail";
import { draw, heightOf, rowAt, type Row } from "./draw";
import { at as foundAt, clockChanges, moved, timeAt, xOf, zoomed, type Fetched, type Span } from "./model";
import "./timeline.css";

const text = strings.camera.timeline;
const CLICK_PX = 5; // moved by less it was a click
const NEAR_PX = 4;
const HANDLE_STEP_MS = 1000;
const HANDLE_SMALL_MS = 40;
const FINE_MS = 120_000; // a view of less shows thousandths

export interface TimelineProps {
  cameras: string[];
  streams: string[]; // their paths
  stores: Fetched[];
  version: number;
  view: Span;
  setView: (view: Span) => void;
  at: number;
  live: boolean;
  selection: Span | null;
  setSelection: (selection: Span | null) => void;
  seek: (at: number) => void;
}

interface Hover {
  x: number;
  at: number;
  row: number;
}

// What is at a time, in words.
export function spokenAt(store: Fetched | undefined, view: Span, at: number, near = 0): string {
  if (!store) return "";
  const found = foundAt(store.parts(view, Date.now()), at, near);
  if (found.gap) return strings.camera.gapHere(strings.camera.causes[found.gap.cause] ?? found.gap.cause);
  return [found.recorded ? text.recorded : text.notRecorded, found.locked && text.locked].filter(Boolean).join(", ");
}

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (!element.current) return;
    const watch = new ResizeObserver(([e]) => e && setWidth(e.contentRect.width));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return [element, width];
}

function useScheme(): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: light)");
    const changed = () => setTurn((n) => n + 1);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, []);
  return turn;
}

function Handle({ label, at, x, move }: { label: string; at: number; x: number; move: (to: number | null, by: number) => void }) {
  const onKey = (e: JSX.TargetedKeyboardEvent<HTMLDivElement>) => {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[e.key];
    if (!sign) return;
    e.preventDefault();
    e.stopPropagation();
    move(null, sign * (e.shiftKey ? HANDLE_SMALL_MS : HANDLE_STEP_MS));
  };
  const drag = (e: JSX.TargetedPointerEvent<HTMLDivElement>) => {
    e.stopPropagation();
    if (e.type === "pointerdown") e.currentTarget.setPointerCapture(e.pointerId);
    else if (e.currentTarget.hasPointerCapture(e.pointerId)) move(e.clientX, 0);
  };
  return (
    <div class="timeline-handle" role="slider" tabIndex={0} aria-label={label} aria-valuenow={Math.round(at / 1000)} aria-valuemin={0} aria-valuemax={Math.round(Date.now() / 1000)} aria-valuetext={stamp(at)} style={{ left: `${x}px` }} onKeyDown={onKey} onPointerDown={drag} onPointerMove={drag} />
  );
}

export function Timeline(props: TimelineProps) {
  const { cameras, stores, view, setView, at, selection, setSelection, seek } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [element, width] = useWidth();
  const [hover, setHover] = useState<Hover | null>(null);
  const scheme = useScheme();
  const pointers = useRef(new Map<number, { x: number; from: number }>());
  const gesture = useRef<{ kind: "move" | "select" | "pinch"; far: boolean; view: Span; begin: number; spread: number } | null>(null);
  const latest = useRef({ view, width });
  latest.current = { view, width };

  const now = Date.now();
  const rows: Row[] = cameras.map((name, i) => ({ name, parts: stores[i]?.parts(view, now) ?? { ranges: [], gaps: [], locks: [], known: [] } }));
  useEffect(() => {
    if (canvas.current) draw(canvas.current, { view, width, rows, now, at: props.live ? now : at, selection, hover: hover?.at ?? null, months: strings.camera.months });
  }, [view, width, at, props.live, props.version, selection, hover, scheme, cameras.join(), Math.floor(now / 1000)]);

  const xIn = (clientX: number): number => clientX - (element.current?.getBoundingClientRect().left ?? 0);
  const timeIn = (clientX: number): number => timeAt(latest.current.view, latest.current.width, xIn(clientX));

  useEffect(() => {
    const whole = element.current;
    if (!whole) return;
    const wheel = (e: WheelEvent) => {
      e.preventDefault(); // it moves the timeline, not the page
      const v = latest.current.view;
      const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) ? e.deltaX : e.shiftKey ? e.deltaY : 0;
      const lines = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
      if (sideways) setView(moved(v, (sideways * lines * (v.to - v.from)) / Math.max(latest.current.width, 1), Date.now()));
      else setView(zoomed(v, Math.exp(Math.max(-1, Math.min(1, (e.deltaY * lines) / 250))), timeIn(e.clientX), Date.now()));
    };
    whole.addEventListener("wheel", wheel, { passive: false });
    return () => whole.removeEventListener("wheel", wheel);
  }, [setView]);

  const down = (e: JSX.TargetedPointerEvent<HTMLDivElement>) => {
    if (e.button !== 0) return;
    e.currentTarget.setPointerCapture(e.pointerId);
    pointers.current.set(e.pointerId, { x: e.clientX, from: e.clientX });
    const two = [...pointers.current.values()];
    const [a, b] = two;
    if (a && b) gesture.current = { kind: "pinch", far: true, view, begin: timeIn((a.x + b.x) / 2), spread: Math.max(Math.abs(a.x - b.x), 1) };
    else gesture.current = { kind: e.shiftKey ? "select" : "move", far: false, view, begin: timeIn(e.clientX), spread: 0 };
  };
  const move = (e: JSX.TargetedPointerEvent<HTMLDivElement>) => {
    const pointer = pointers.current.get(e.pointerId);
    const g = gesture.current;
    if (!pointer || !g) {
      if (e.pointerType !== "touch") setHover({ x: xIn(e.clientX), at: timeIn(e.clientX), row: rowAt(e.clientY - e.currentTarget.getBoundingClientRect().top) });
      return;
    }
    pointer.x = e.clientX;
    setHover(null);
    if (g.kind === "pinch") {
      const [a, b] = [...pointers.current.values()];
      if (!a || !b) return;
      const next = zoomed(g.view, g.spread / Math.max(Math.abs(a.x - b.x), 1), g.begin, Date.now());
      setView(moved(next, g.begin - timeAt(next, width, xIn((a.x + b.x) / 2)), Date.now()));
      return;
    }
    g.far = g.far || Math.abs(e.clientX - pointer.from) > CLICK_PX;
    if (!g.far) return;
    if (g.kind === "select") {
      const to = Math.min(timeIn(e.clientX), Date.now());
      setSelection({ from: Math.min(g.begin, to), to: Math.max(g.begin, to) });
    } else {
      setView(moved(g.view, ((pointer.from - e.clientX) / Math.max(width, 1)) * (g.view.to - g.view.from), Date.now()));
    }
  };
  const up = (e: JSX.TargetedPointerEvent<HTMLDivElement>) => {
    const g = gesture.current;
    pointers.current.delete(e.pointerId);
    if (pointers.current.size) return;
    gesture.current = null;
    if (g && !g.far && e.type === "pointerup") seek(timeIn(e.clientX));
  };

  const spoken = text.spoken(stamp(at), props.live ? strings.camera.isLive : spokenAt(stores[0], view, at));
  const change = clockChanges(view)[0];
  const handle = (which: "from" | "to") => (to: number | null, by: number) => {
    if (!selection) return;
    const next = { ...selection, [which]: Math.min(to === null ? selection[which] + by : timeIn(to), Date.now()) };
    setSelection({ from: Math.min(next.from, next.to), to: Math.max(next.from, next.to) });
  };
  return (
    <div class="timeline">
      <div
        ref={element}
        class="timeline-face"
        role="slider"
        tabIndex={0}
        aria-label={text.name}
        aria-orientation="horizontal"
        aria-valuemin={Math.round(view.from / 1000)}
        aria-valuemax={Math.round(view.to / 1000)}
        aria-valuenow={Math.round(Math.min(Math.max(at, view.from), view.to) / 1000)}
        aria-valuetext={spoken}
        aria-description={text.keys}
        style={{ height: `${heightOf(cameras.length)}px` }}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={() => setHover(null)}
      >
        <canvas ref={canvas} aria-hidden="true" />
      </div>
      {selection && (["from", "to"] as const).map((which) => {
        const x = xOf(view, width, selection[which]);
        return x >= -10 && x <= width + 10 ? <Handle key={which} label={which === "from" ? strings.camera.rangeFrom : strings.camera.rangeTo} at={selection[which]} x={x} move={handle(which)} /> : null;
      })}
      {hover && <Tip hover={hover} props={props} width={width} />}
      {change && <p class="timeline-change" style={{ left: `${Math.min(xOf(view, width, change.at) + 6, Math.max(width - 230, 0))}px` }}>{text.clockChange(change.before, change.after)}</p>}
    </div>
  );
}

function Tip({ hover, props, width }: { hover: Hover; props: TimelineProps; width: number }) {
  const { view, stores, streams, cameras } = props;
  const row = Math.min(Math.max(hover.row, 0), cameras.length - 1);
  const near = ((view.to - view.from) / Math.max(width, 1)) * NEAR_PX;
  const store = stores[row];
  const found = store ? foundAt(store.parts(view, Date.now()), hover.at, near) : null;
  const fine = view.to - view.from < FINE_MS;
  const name = cameras[row] ?? "";
  return (
    <div class="timeline-tip" style={{ left: `${Math.min(Math.max(hover.x, 104), Math.max(width - 104, 104))}px` }}>
      {found?.recorded && !found.gap && <Thumbnail stream={streams[row] ?? ""} at={Math.floor(hover.at / 1000) * 1000} name={strings.camera.picture(name)} />}
      <strong>{view.to - view.from < 12 * 3600_000 ? clock(hover.at, fine) : stamp(hover.at)}</strong>
      {cameras.length > 1 && <span>{name}</span>}
      <span>{spokenAt(store, view, hover.at, near)}</span>
      {found?.gap && <span>{`${clock(found.gap.from)} - ${clock(found.gap.to)} (${duration(found.gap.to - found.gap.from)})`}</span>}
    </div>
  );
}
