// SPDX-License-Identifier: GPL-3.0-or-later
// Whether the server answers and how the site is: asked every 15 s, and every 2 s while nothing answers, so that all goes on as soon as it does.
import { useEffect, useState } from "preact/hooks";
import { health, whenReached, type Schemas } from "../api";

const CALM_MS = 15_000;
const LOST_MS = 2_000;

export interface Connection {
  reached: boolean;
  health: Schemas["Health"] | null; // null: not known yet
}

export function useConnection(): Connection {
  const [now, setNow] = useState<Connection>({ reached: true, health: null });
  useEffect(() => {
    let timer = 0;
    let ended = false;
    const look = async () => {
      clearTimeout(timer);
      const told = document.hidden ? null : await health();
      if (ended) return;
      if (told) setNow({ reached: true, health: told });
      timer = window.setTimeout(look, told || document.hidden ? CALM_MS : LOST_MS);
    };
    const stop = whenReached((reached) => {
      setNow((c) => ({ ...c, reached }));
      if (!reached) timer = window.setTimeout(look, LOST_MS);
    });
    const changed = () => void look(); // the device itself knows first
    addEventListener("offline", changed);
    addEventListener("online", changed);
    void look();
    return () => {
      ended = true;
      stop();
      removeEventListener("offline", changed);
      removeEventListener("online", changed);
      clearTimeout(timer);
    };
  }, []);
  return now;
}
