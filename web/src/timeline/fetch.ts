// SPDX-License-Identifier: GPL-3.0-or-later
// What of the timelines is asked for: the tiles of the view that are not known or still grow, each once at a time.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, get, segment } from "../api";
import type { paths } from "../api-types";
import { rfc3339 } from "../app/time";
import { Fetched, type Parts, type Span, type Tile } from "./model";

type Answer = paths["/api/v1/cameras/{camera}/timeline"]["get"]["responses"]["200"]["content"]["application/json"];

const PARTS = 500;
const SETTLE_MS = 120; // a view that moves asks when it stands
const EVERY_MS = 2000;

const span = (s: { from: string; to: string }): Span => ({ from: Date.parse(s.from), to: Date.parse(s.to) });

async function ask(camera: string, from: number, to: number, signal: AbortSignal): Promise<Parts> {
  const said = await get<Answer>(`/api/v1/cameras/${segment(camera)}/timeline`, { from: rfc3339(from), to: rfc3339(to), parts: PARTS }, signal);
  return { ranges: said.ranges.map(span), gaps: said.gaps.map((g) => ({ ...span(g), cause: g.cause })), locks: said.locks.map(span) };
}

// The first and the last time of which anything is recorded in that span.
export async function recordedWithin(camera: string, within: Span): Promise<Span | null> {
  const { ranges } = await ask(camera, within.from, within.to, new AbortController().signal);
  const [first] = ranges;
  const last = ranges[ranges.length - 1];
  return first && last ? { from: first.from, to: last.to } : null;
}

export interface Timelines {
  stores: Fetched[]; // one a camera
  version: number; // another one whenever something came
  problem: Problem | null; // of the first camera
}

export function useTimelines(cameras: readonly string[], view: Span): Timelines {
  const kept = useRef(new Map<string, Fetched>());
  const asked = useRef(new Set<string>());
  const [version, setVersion] = useState(0);
  const [problem, setProblem] = useState<Problem | null>(null);
  const stores = cameras.map((name) => {
    const store = kept.current.get(name) ?? new Fetched();
    kept.current.set(name, store);
    return store;
  });

  useEffect(() => {
    const stop = new AbortController();
    const fetchOne = async (name: string, store: Fetched, tile: Tile) => {
      const id = `${name} ${tile.level} ${tile.from}`;
      if (asked.current.has(id)) return;
      asked.current.add(id);
      try {
        store.put(tile, await ask(name, tile.from, tile.to, stop.signal), Date.now());
        setVersion((n) => n + 1);
        if (name === cameras[0]) setProblem(null);
      } catch (why) {
        if (stop.signal.aborted) return;
        if (!(why instanceof Problem)) throw why;
        if (name === cameras[0]) setProblem(why);
      } finally {
        asked.current.delete(id);
      }
    };
    const run = () => {
      if (document.hidden) return;
      cameras.forEach((name, i) => stores[i]?.wanted(view, Date.now()).forEach((tile) => stores[i] && void fetchOne(name, stores[i], tile)));
    };
    const first = setTimeout(run, SETTLE_MS);
    const every = setInterval(run, EVERY_MS);
    return () => {
      clearTimeout(first);
      clearInterval(every);
      stop.abort();
    };
  }, [cameras.join(), Math.round(view.from), Math.round(view.to)]);
  return { stores, version, problem };
}
