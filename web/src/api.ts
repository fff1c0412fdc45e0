// SPDX-License-Identifier: GPL-3.0-or-later
// The one place that fetches. What goes over the wire is docs/spec/openapi.json, whose types are generated (npm run types).
import type { components, paths } from "./api-types";
import { strings } from "./strings";

export type Schemas = components["schemas"];
export type { paths };

// What went wrong in words for people: RFC 9457 as the gateway sends it, or that nothing answers.
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    readonly code: string,
    readonly fault: string,
    readonly detail: string,
    readonly remedy: string,
    readonly retryAfter: number | null = null, // seconds
  ) {
    super(detail);
  }
}

export interface Page<T> {
  items: T[];
  more: boolean;
  after: string | number | null;
}

type Query = Record<string, string | number | boolean | null | undefined>;

// Told when the session has ended while somebody worked: the shell shows the sign-in and keeps what was open.
let onSignedOut: () => void = () => {};
export function whenSignedOut(run: () => void): void {
  onSignedOut = run;
}

// Told whenever the server begins or ceases to answer; what is returned ends that.
const reachers = new Set<(reached: boolean) => void>();
let reached = true;
export function whenReached(run: (reached: boolean) => void): () => void {
  reachers.add(run);
  return () => void reachers.delete(run);
}
function setReached(now: boolean): void {
  if (reached === now) return;
  reached = now;
  for (const run of [...reachers]) run(now);
}

export function pathOf(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, v]) => v !== null && v !== undefined);
  const text = given.map(([k, v]) => `${k}=${encodeURIComponent(String(v))}`).join("&");
  return text ? `${path}?${text}` : path;
}

async function problemOf(answer: Response): Promise<Problem> {
  const told = (await answer.json().catch(() => ({}))) as Partial<Schemas["Problem"]>;
  const after = Number(answer.headers.get("retry-after"));
  return new Problem(answer.status, told.code ?? "", told.fault ?? "", told.detail || strings.common.status(answer.status), told.remedy ?? "", after || null);
}

// Longer than the server lets anything wait: behind it the network is gone without a word.
const PATIENCE_MS = 100_000;

const OF_WHAT_WAS_TYPED = new Set(["wrong-sign-in", "setup-code"]); // 401 as well, and no session has ended

async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  const init: RequestInit = { method, credentials: "same-origin", cache: "no-store", signal: signal ? AbortSignal.any([signal, late]) : late };
  if (body !== undefined) Object.assign(init, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (why) {
    if (signal?.aborted) throw why;
    setReached(false);
    throw new Problem(0, "unavailable", "", strings.common.unreachable, strings.common.unreachableRemedy);
  }
  setReached(true);
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401 && !OF_WHAT_WAS_TYPED.has(problem.fault)) onSignedOut();
  throw problem;
}

// Whether the session still lives, for what hears of its end without an answer; many ask at once, and one asks the server.
let looking: Promise<void> | null = null;
export function checkSession(): Promise<void> {
  looking ??= send("GET", "/api/v1/session").then(() => {}, () => {}).finally(() => (looking = null));
  return looking;
}

// How the site is, also where parts of it are away (503); null where nothing answers.
export async function health(): Promise<Schemas["Health"] | null> {
  try {
    const answer = await fetch("/api/health", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    setReached(true);
    return (await answer.json()) as Schemas["Health"];
  } catch {
    setReached(false);
    return null;
  }
}

// What devices install to know the page (DER); null where there is none to give.
export async function rootCertificate(): Promise<ArrayBuffer | null> {
  const answer = await fetch("/root.crt", { cache: "no-store" }).catch(() => null);
  return answer?.ok ? answer.arrayBuffer() : null;
}

export async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await send(method, path, body, signal);
  return (answer.status === 204 ? null : await answer.json()) as T;
}

export const get = <T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> => ask<T>("GET", pathOf(path, query), undefined, signal);

// Every page of a list, at most `most` items.
export async function getAll<T>(path: string, query: Query = {}, most = 10_000, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let after: string | number | null = null;
  do {
    const page: Page<T> = await get<Page<T>>(path, { ...query, after }, signal);
    items.push(...page.items);
    after = page.more ? page.after : null;
  } while (after !== null && items.length < most);
  return items;
}

export const segment = (text: string): string => encodeURIComponent(text);
