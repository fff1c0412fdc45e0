// SPDX-License-Identifier: GPL-3.0-or-later
// Who is here, and so which page: setup, sign-in, or the shell with the page of the address.
import { useCallback, useEffect, useState } from "preact/hooks";
import { Problem, ask, get, whenSignedOut } from "../api";
import { Entry } from "../pages/entry";
import { Notice } from "../ui/notice";
import { Spinner } from "../ui/spinner";
import { go, usePlace } from "./route";
import { SessionContext, type Session } from "./session";
import { Shell } from "./shell";

type Who = { at: "asking" } | { at: "away"; problem: Problem } | { at: "setup" } | { at: "sign-in"; cut: boolean } | { at: "in"; session: Session };

const AGAIN_MS = 3000;

async function whoIsHere(): Promise<Who> {
  try {
    return { at: "in", session: await get<Session>("/api/v1/session") };
  } catch (why) {
    if (!(why instanceof Problem)) throw why;
    if (why.status !== 401) return { at: "away", problem: why };
    return (await get<{ needed: boolean }>("/api/v1/setup")).needed ? { at: "setup" } : { at: "sign-in", cut: false };
  }
}

// Where to go behind the sign-in: only a path of this page, never another's address.
const wanted = (query: URLSearchParams): string => {
  const to = query.get("to") ?? "/";
  return /^\/(?![/\\])/.test(to) ? to : "/";
};

export function App() {
  const place = usePlace();
  const [who, setWho] = useState<Who>({ at: "asking" });
  const look = useCallback(() => {
    whoIsHere().then(setWho, (why) => {
      if (!(why instanceof Problem)) throw why;
      setWho({ at: "away", problem: why });
    });
  }, []);
  useEffect(() => {
    whenSignedOut(() => setWho((w) => (w.at === "in" ? { at: "sign-in", cut: true } : w)));
    look();
  }, [look]);
  useEffect(() => {
    if (who.at !== "away") return;
    const timer = setTimeout(look, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [who, look]);

  const entered = place.path === "/setup" || place.path === "/sign-in";
  useEffect(() => {
    const back = location.pathname + location.search;
    if (who.at === "setup" && place.path !== "/setup") go("/setup", true);
    else if (who.at === "sign-in" && place.path !== "/sign-in") go(entered || back === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(back)}`, true);
    else if (who.at === "in" && entered) go(wanted(place.query), true);
  }, [who.at, place.path]);

  if (who.at === "asking") return <Spinner />;
  if (who.at === "away") return <main class="app-away"><Notice problem={who.problem} again={look} /></main>;
  if (who.at !== "in") return <Entry setup={who.at === "setup"} cut={who.at === "sign-in" && who.cut} entered={look} />;
  const leave = async () => {
    try {
      await ask("DELETE", "/api/v1/session");
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      if (why.status !== 401) return look(); // it lives: nobody is told that they are out
    }
    go("/sign-in");
    setWho({ at: "sign-in", cut: false });
  };
  return (
    <SessionContext.Provider value={who.session}>
      <Shell place={place} leave={() => void leave()} />
    </SessionContext.Provider>
  );
}
