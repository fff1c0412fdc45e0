// SPDX-License-Identifier: GPL-3.0-or-later
// What a page waits for: loading, full or failed, and again. Empty is the page's to say.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem, whenReached } from "../api";

export interface Loaded<T> {
  value: T | null; // the last good one of what is asked for now, also while it is asked again or that fails
  problem: Problem | null; // of the last try
  loading: boolean;
  again: () => void;
}

interface State<T> {
  value: T | null;
  problem: Problem | null;
  loading: boolean;
}

const seen = (): Promise<void> =>
  new Promise((resolve) => {
    if (!document.hidden) resolve();
    else document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });

// Runs `load` now, whenever one of `of` changes (what was loaded of the others is forgotten), when the server answers again, and `every`
// milliseconds (0: not); only while the page is seen.
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, of: readonly unknown[], every = 0): Loaded<T> {
  const nothing: State<T> = { value: null, problem: null, loading: true };
  const [state, setState] = useState(nothing);
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const again = useCallback(() => setTurn((n) => n + 1), []);

  useEffect(() => setState(nothing), [...of]);
  useEffect(() => whenReached((reached) => reached && again()), [again]);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const run = async () => {
      await seen();
      if (stop.signal.aborted) return;
      try {
        const value = await latest.current(stop.signal);
        if (!stop.signal.aborted) setState({ value, problem: null, loading: false });
      } catch (why) {
        if (stop.signal.aborted) return;
        if (!(why instanceof Problem)) throw why;
        setState((s) => ({ ...s, problem: why, loading: false }));
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
  return { ...state, again };
}
