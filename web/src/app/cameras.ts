// SPDX-License-Identifier: GPL-3.0-or-later
// The site's cameras with the state of their streams, which each recorder tells of its own; a recorder that is away costs its own cameras alone.
import { Problem, getAll, type Schemas } from "../api";
import { useLoad, type Loaded } from "./load";

const EVERY_MS = 5000;

export type StreamState = Schemas["Stream"];

export interface Camera {
  name: string;
  recorder: string;
  streams: string[]; // names, "main" first
  states: ReadonlyMap<string, StreamState>; // by name; none where the recorder does not say
  away: Problem | null; // why its recorder says nothing
}

export const pathOfStream = (camera: string, stream: string): string => `${camera}-${stream}`;

// What a small picture shows, and a large one.
export const subOf = (c: Camera): string => (c.streams.includes("sub") ? "sub" : mainOf(c));
export const mainOf = (c: Camera): string => c.streams[0] ?? "main";

function namesOf(camera: Schemas["Camera"]): string[] {
  return camera.streams.map((s) => s.stream).sort((a, b) => Number(b === "main") - Number(a === "main") || a.localeCompare(b));
}

async function statesOf(recorder: string, signal: AbortSignal): Promise<Map<string, StreamState> | Problem> {
  try {
    return new Map((await getAll<StreamState>("/api/v1/streams", { recorder }, undefined, signal)).map((s) => [s.stream, s]));
  } catch (why) {
    if (!(why instanceof Problem) || why.status === 401 || why.status === 0) throw why;
    return why;
  }
}

// The inventory, and what each of its recorders says of its streams, by their paths; why, of one that says nothing.
export async function inventory(signal: AbortSignal): Promise<{ cameras: Schemas["Camera"][]; told: ReadonlyMap<string, ReadonlyMap<string, StreamState> | Problem> }> {
  const cameras = await getAll<Schemas["Camera"]>("/api/v1/cameras", { limit: 500 }, undefined, signal);
  const recorders = [...new Set(cameras.map((c) => c.recorder))];
  return { cameras, told: new Map(await Promise.all(recorders.map(async (r) => [r, await statesOf(r, signal)] as const))) };
}

async function load(signal: AbortSignal): Promise<Camera[]> {
  const { cameras, told } = await inventory(signal);
  return cameras.map((c) => {
    const of = told.get(c.recorder);
    const streams = namesOf(c);
    const found = of && !(of instanceof Problem) ? streams.flatMap((n) => { const s = of.get(pathOfStream(c.name, n)); return s ? [[n, s] as const] : []; }) : [];
    return { name: c.name, recorder: c.recorder, streams, states: new Map(found), away: of instanceof Problem ? of : null };
  });
}

export const useCameras = (every = EVERY_MS): Loaded<Camera[]> => useLoad(load, [], every);
