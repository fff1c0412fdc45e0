// SPDX-License-Identifier: GPL-3.0-or-later
// The inventory with what each recorder says of it: a row for each stream.
import { useEffect, useState } from "preact/hooks";
import { Problem, type Schemas } from "../api";
import { inventory, pathOfStream, type StreamState } from "../app/cameras";
import { useLoad, type Loaded } from "../app/load";

const EVERY_MS = 10_000;
const SOON_MS = 2000;

export type CameraStream = Schemas["CameraStream"];

export interface Row {
  path: string; // CAMERA-STREAM
  camera: string;
  recorder: string;
  asked: CameraStream;
  state: StreamState | null; // null: its recorder says nothing of it (yet)
  away: boolean; // because it does not answer
}

export interface Inventory {
  rows: Row[];
  away: Map<string, Problem>; // recorders that do not answer
}

async function load(signal: AbortSignal): Promise<Inventory> {
  const { cameras, told } = await inventory(signal);
  const rows = cameras.flatMap((c) =>
    c.streams.map((asked): Row => {
      const of = told.get(c.recorder);
      const path = pathOfStream(c.name, asked.stream);
      return { path, camera: c.name, recorder: c.recorder, asked, state: (of && !(of instanceof Problem) && of.get(path)) || null, away: of instanceof Problem };
    }),
  );
  return { rows, away: new Map([...told].flatMap(([r, of]) => (of instanceof Problem ? [[r, of] as const] : []))) };
}

// Sooner while a camera is on its way to be recorded: whoever added it waits for that.
export function useInventory(): Loaded<Inventory> {
  const [every, setEvery] = useState(EVERY_MS);
  const loaded = useLoad(load, [], every);
  useEffect(() => {
    if (loaded.value) setEvery(loaded.value.rows.some((r) => ["unknown", "connecting"].includes(stateOf(r)) || (stateOf(r) === "connected" && r.state?.gate === "open")) ? SOON_MS : EVERY_MS);
  }, [loaded.value]);
  return loaded;
}

// Faults of the way to a camera; all others are of what it is or says.
const UNREACHED = ["name-not-found", "connection-refused", "no-connection", "connection-timeout", "address-not-allowed", "no-udp-ports", "connector-gone"];

// Which of strings.cameras.states.
export function stateOf(r: Row): string {
  if (r.asked.record.mode === "off") return "off";
  if (!r.state) return r.away ? "away" : "unknown";
  switch (r.state.state) {
    case "streaming":
      return r.state.recording ? "recording" : "connected";
    case "stopped":
      return "stopped";
    default:
      return !r.state.fault ? (r.state.state === "waiting" ? "waiting" : "connecting") : UNREACHED.includes(r.state.fault) ? "waiting" : "refused";
  }
}

const FILTER_OF: Record<string, string> = { "encrypted and verified": "verified", "encrypted, pinned": "pinned", "control only": "control", open: "open" };

// Which of strings.cameras.filters the row is of, besides "all" and "attention".
export const filterOf = (r: Row): string => (r.state?.state === "streaming" && FILTER_OF[r.state.protection]) || "none";

export function wantsSomebody(r: Row): boolean {
  const state = stateOf(r);
  if (state === "off") return false;
  return ["waiting", "refused", "stopped", "away", "unknown"].includes(state) || !!r.state?.alarm || ["control", "open"].includes(filterOf(r));
}

export function matches(r: Row, words: string): boolean {
  const all = `${r.path} ${r.asked.url} ${r.recorder}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((w) => all.includes(w));
}
