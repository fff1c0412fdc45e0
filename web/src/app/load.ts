// SPDX-License-Identifier: GPL-3.0-or-later
// What a page waits for: loading, full or failed, and again. Empty is the page's to say.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api";

export interface Loaded<T> {
  value: T | null; // the last good one, also while it is asked again or that fails
  problem: Problem | null; // of the last try
  loading: boolean;
  again: () => void;
}

// Runs `load` now, whenever one of `of` changes, and `every` milliseconds while the page is seen (0: once).
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, of: readonly unknown[], every = 0): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; problem: Problem | null; loading: boolean }>({ value: null, problem: null, loading: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const run = async () => {
      if (!document.hidden) {
        try {
          const value = await latest.current(stop.signal);
          if (!stop.signal.aborted) setState({ value, problem: null, loading: false });
        } catch (why) {
          if (stop.signal.aborted) return;
          if (!(why instanceof Problem)) throw why;
          setState((s) => ({ ...s, problem: why, loading: false }));
        }
      }
      if (every && !stop.signal.aborted) timer = window.setTimeout(run, every);
    };
    setState((s) => ({ ...s, loading: true }));
    void run();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [...of, turn, every]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  return { ...state, again };
}
