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

type Who = { at: "asking" } | { at: "away"; problem: Problem } | { at: "setup" } | { at: "sign-in" } | { at: "in"; session: Session };

async function whoIsHere(): Promise<Who> {
  try {
    return { at: "in", session: await get<Session>("/api/v1/session") };
  } catch (why) {
    if (!(why instanceof Problem)) throw why;
    if (why.status !== 401) return { at: "away", problem: why };
    return { at: (await get<{ needed: boolean }>("/api/v1/setup")).needed ? "setup" : "sign-in" };
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
    whenSignedOut(() => setWho({ at: "sign-in" }));
    look();
  }, [look]);

  const entered = place.path === "/setup" || place.path === "/sign-in";
  useEffect(() => {
    const back = location.pathname + location.search;
    if (who.at === "setup" && place.path !== "/setup") go("/setup", true);
    else if (who.at === "sign-in" && place.path !== "/sign-in") go(back === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(back)}`, true);
    else if (who.at === "in" && entered) go(wanted(place.query), true);
  }, [who.at, place.path]);

  if (who.at === "asking") return <Spinner />;
  if (who.at === "away") return <Notice problem={who.problem} again={look} />;
  if (who.at !== "in") return <Entry setup={who.at === "setup"} entered={look} />;
  const leave = () => void ask("DELETE", "/api/v1/session").finally(look);
  return (
    <SessionContext.Provider value={who.session}>
      <Shell place={place} leave={leave} />
    </SessionContext.Provider>
  );
}
