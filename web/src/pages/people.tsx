// SPDX-License-Identifier: GPL-3.0-or-later
// People of the site and where they are signed in.
import { useState } from "preact/hooks";
import { Problem, ask, getAll, segment, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { useSession } from "../app/session";
import { relative, stamp } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { Icon } from "../ui/icon";
import { Menu, type Choice } from "../ui/menu";
import { Notice } from "../ui/notice";
import { Segmented } from "../ui/segmented";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";
import { AddPerson, ChangeRole, GivePassword, Sure } from "./people_dialogs";
import "./people.css";

type Person = Schemas["Person"];
type Signed = Schemas["SignedIn"];

const text = strings.people;
const EVERY_MS = 10_000;

// What a browser calls itself, made short enough to be told apart: "Firefox 128 on Linux".
function agentOf(agent: string): string {
  const browser = /(Edg|OPR|Firefox|Chrome|Version)\/(\d+)/.exec(agent);
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", Version: "Safari" };
  const system = /(Android|iPhone|iPad|Windows|Mac OS|Linux)/.exec(agent)?.[1];
  if (!browser?.[1]) return agent.split(/[\s(]/)[0] || text.unknownAgent;
  return `${names[browser[1]] ?? browser[1]} ${browser[2]}${system ? `, ${system}` : ""}`;
}

const When = ({ at }: { at: string | null }) => (at ? <time dateTime={at} title={stamp(at)}>{relative(at)}</time> : <>{text.never}</>);

const Named = ({ name, mark }: { name: string; mark: string }) => <span class="people-name">{name}{mark && <span class="people-you">{mark}</span>}</span>;

const State = ({ disabled }: { disabled: boolean }) => (
  <span class={`people-state people-${disabled ? "off" : "on"}`}>
    <Icon name={disabled ? "cross" : "check"} />
    {disabled ? text.disabled : text.active}
  </span>
);

const pathOf = (p: Person): string => `/api/v1/people/${segment(p.name)}`;

// What is done after a question, and what is said of it.
const surely = {
  disable: (p: Person) => ({ title: text.disableTitle(p.name), about: text.disableText, word: text.disable, run: () => ask("PATCH", pathOf(p), { disabled: true }), said: text.changed(p.name) }),
  enable: (p: Person) => ({ title: text.enableTitle(p.name), about: text.enableText, word: text.enable, run: () => ask("PATCH", pathOf(p), { disabled: false }), said: text.changed(p.name) }),
  remove: (p: Person) => ({ title: text.removeTitle(p.name), about: text.removeText, word: text.remove, run: () => ask("DELETE", pathOf(p)), said: text.removed(p.name) }),
  end: (p: Person) => ({ title: text.endAllTitle(p.name), about: text.endAllText, word: text.endAll, run: () => ask("DELETE", `${pathOf(p)}/sessions`), said: text.ended(p.sessions) }),
};

type Open = { what: "add" } | { what: "role" | "password" | keyof typeof surely; person: Person };

function OpenDialog({ open, close, done }: { open: Open; close: () => void; done: (said: string) => void }) {
  if (open.what === "add") return <AddPerson close={close} done={done} />;
  if (open.what === "role") return <ChangeRole person={open.person} close={close} done={done} />;
  if (open.what === "password") return <GivePassword person={open.person} close={close} done={done} />;
  const { said, ...sure } = surely[open.what](open.person);
  return <Sure {...sure} kind={open.what === "enable" ? "main" : "danger"} close={close} done={() => done(said)} />;
}

function People({ people, again }: { people: Person[]; again: () => void }) {
  const me = useSession().person;
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const done = (said: string) => {
    toast(said);
    close();
    again();
  };
  const choices = (p: Person): Choice[] => [
    { text: text.changeRole, run: () => setOpen({ what: "role", person: p }) },
    { text: text.newPassword, run: () => setOpen({ what: "password", person: p }) },
    p.disabled ? { text: text.enable, run: () => setOpen({ what: "enable", person: p }) } : { text: text.disable, run: () => setOpen({ what: "disable", person: p }) },
    { text: text.endAll, run: () => setOpen({ what: "end", person: p }), disabled: p.sessions === 0 },
    { text: text.remove, run: () => setOpen({ what: "remove", person: p }), danger: true },
  ];
  const columns = [
    { name: text.name, cell: (p: Person) => <Named name={p.name} mark={p.name === me ? text.you : ""} /> },
    { name: text.role, cell: (p: Person) => text.roles[p.role] ?? p.role },
    { name: text.state, cell: (p: Person) => <State disabled={p.disabled} /> },
    { name: text.seen, cell: (p: Person) => <When at={p.seen} /> },
    { name: text.open, cell: (p: Person) => String(p.sessions) },
    { name: text.actions, cell: (p: Person) => <Menu label={text.actionsOf(p.name)} show={<Icon name="more" />} choices={choices(p)} bare /> },
  ];
  return (
    <>
      <div class="people-do"><Button kind="main" onClick={() => setOpen({ what: "add" })}>{text.add}</Button></div>
      <Table label={text.people} columns={columns} rows={people} keyOf={(p) => p.name} />
      {open && <OpenDialog open={open} close={close} done={done} />}
    </>
  );
}

function Sessions({ sessions, again }: { sessions: Signed[]; again: () => void }) {
  const own = useSession().session;
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!sessions.length) return <Empty title={text.emptySessions} />;
  const end = async (s: Signed) => {
    setBusy(s.session);
    setProblem(null);
    try {
      await ask("DELETE", `/api/v1/sessions/${s.session}`);
      toast(text.ended(1));
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      if (why.status !== 404) setProblem(why); // one that has ended meanwhile is what was wanted
    }
    setBusy("");
    again();
  };
  const columns = [
    { name: text.person, cell: (s: Signed) => <Named name={s.person} mark={s.session === own ? text.thisOne : ""} /> },
    { name: text.from, cell: (s: Signed) => s.address },
    { name: text.through, cell: (s: Signed) => <span title={s.agent}>{agentOf(s.agent)}</span> },
    { name: text.opened, cell: (s: Signed) => stamp(s.opened) },
    { name: text.used, cell: (s: Signed) => <When at={s.seen} /> },
    { name: text.until, cell: (s: Signed) => stamp(s.expires) },
    { name: text.actions, cell: (s: Signed) => <Button kind="danger" aria-label={text.endOf(s.person, s.address)} busy={busy === s.session} onClick={() => void end(s)}>{text.end}</Button> },
  ];
  return (
    <>
      {problem && <Notice problem={problem} />}
      <Table label={text.sessions} columns={columns} rows={[...sessions].sort((a, b) => b.opened.localeCompare(a.opened))} keyOf={(s) => s.session} />
    </>
  );
}

const PARTS = [{ value: "people", text: text.people }, { value: "sessions", text: text.sessions }] as const;

export default function PeoplePage() {
  const [part, setPart] = useState<(typeof PARTS)[number]["value"]>("people");
  const people = useLoad((signal) => getAll<Person>("/api/v1/people", {}, undefined, signal), [], EVERY_MS);
  const sessions = useLoad((signal) => getAll<Signed>("/api/v1/sessions", {}, undefined, signal), [], EVERY_MS);
  const again = () => {
    people.again();
    sessions.again();
  };
  const of = part === "people" ? people : sessions;
  return (
    <div class="people">
      <header class="people-head">
        <h1>{text.title}</h1>
        <Segmented label={text.parts} value={part} onInput={setPart} options={PARTS} />
      </header>
      {of.problem && <Notice problem={of.problem} again={of.again} />}
      {!of.value && !of.problem && <Spinner />}
      {part === "people" && people.value && <People people={people.value} again={again} />}
      {part === "sessions" && sessions.value && <Sessions sessions={sessions.value} again={again} />}
    </div>
  );
}
