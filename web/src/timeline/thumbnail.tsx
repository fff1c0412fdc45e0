// SPDX-License-Identifier: GPL-3.0-or-later
// The picture of a time on the timeline, where the server makes one; where it does not, there is none.
import { useEffect, useState } from "preact/hooks";
import { Problem, getBlob, segment } from "../api";
import { rfc3339 } from "../app/time";

const WIDTH = 192;
const SETTLE_MS = 150; // a pointer that moves asks when it stands
const PATIENCE_MS = 60_000; // after the server said that it makes none
const BUSY_MS = 3000;

let notBefore = 0; // by performance.now

async function fetchOne(stream: string, at: number, signal: AbortSignal): Promise<Blob | null> {
  if (performance.now() < notBefore) return null;
  try {
    return await getBlob(`/api/v1/streams/${segment(stream)}/thumbnail`, { at: rfc3339(at), width: WIDTH }, signal);
  } catch (why) {
    if (signal.aborted) return null;
    if (!(why instanceof Problem)) throw why;
    if (why.fault !== "nothing-recorded") notBefore = performance.now() + ([0, 429, 503].includes(why.status) ? BUSY_MS : PATIENCE_MS);
    return null;
  }
}

export function Thumbnail({ stream, at, name }: { stream: string; at: number; name: string }) {
  const [shown, setShown] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    let url: string | null = null;
    const timer = setTimeout(async () => {
      const blob = await fetchOne(stream, at, stop.signal);
      if (!blob || stop.signal.aborted) return;
      url = URL.createObjectURL(blob);
      setShown(url);
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
      setShown(null);
      if (url) URL.revokeObjectURL(url);
    };
  }, [stream, at]);
  return shown ? <img class="timeline-thumbnail" src={shown} alt={name} width={WIDTH} /> : null;
}
