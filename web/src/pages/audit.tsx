// SPDX-License-Identifier: GPL-3.0-or-later
// Who did what, from where: the newest first, filtered by what stands in the address, and whether the log is what was written.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, get, pathOf, type Schemas } from "../api";
import { go, usePlace } from "../app/route";
import { inputValue, ofInput, rfc3339, stamp, zone } from "../app/time";
import { strings } from "../strings";
import { member, type Told } from "../strings/audit";
import { Button } from "../ui/button";
import { Copy } from "../ui/copy";
import { Empty } from "../ui/empty";
import { Field } from "../ui/field";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Select } from "../ui/select";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import "./evidence.css";
import "./audit.css";

type Line = Schemas["AuditLine"];
type Chain = Schemas["AuditChain"];
interface Answer {
  items: Line[];
  more: boolean;
  after: number | null;
  searched: string | null;
  chain: Chain;
}

const text = strings.audit;
const LIMIT = 50;
const TYPING_MS = 400; // what is typed is searched when it stands still
const CHECK_MS = 1500;
const FILTERS = ["person", "type", "from", "until"] as const;
type Filter = Partial<Record<(typeof FILTERS)[number], string>>;

interface Shown {
  lines: Line[];
  after: number | null;
  searched: string | null;
  chain: Chain | null;
  loading: boolean;
  problem: Problem | null;
}

const NOTHING: Shown = { lines: [], after: null, searched: null, chain: null, loading: true, problem: null };

// The lines of this filter, page after page; a page that found nothing yet is followed by the next, for the server looks at so much of the log at once.
function useLines(filter: Filter): [Shown, () => void, () => void] {
  const [shown, setShown] = useState<Shown>(NOTHING);
  const [turn, setTurn] = useState(0);
  const stop = useRef(new AbortController());
  const read = async (from: number | null, wanted: number) => {
    const signal = stop.current.signal;
    let after = from;
    let found = 0;
    try {
      do {
        const told: Answer = await get<Answer>("/api/v1/audit", { ...filter, after, limit: LIMIT }, signal);
        after = told.after;
        found += told.items.length;
        setShown((s) => ({ ...s, lines: [...s.lines, ...told.items], after: told.after, searched: told.searched, chain: told.chain, loading: after !== null && found < wanted }));
      } while (after !== null && found < wanted);
    } catch (why) {
      if (signal.aborted) return;
      if (!(why instanceof Problem)) throw why;
      setShown((s) => ({ ...s, loading: false, problem: why }));
    }
  };
  useEffect(() => {
    stop.current = new AbortController();
    setShown((s) => ({ ...NOTHING, chain: s.chain }));
    void read(null, LIMIT);
    return () => stop.current.abort();
  }, [JSON.stringify(filter), turn]);
  useEffect(() => {
    if (shown.chain?.state !== "checking") return;
    const again = async () => {
      const told = await get<Answer>("/api/v1/audit", { limit: 1 }, stop.current.signal).catch(() => null);
      if (told) setShown((s) => ({ ...s, chain: told.chain }));
    };
    const timer = setTimeout(() => void again(), CHECK_MS);
    return () => clearTimeout(timer);
  }, [shown.chain]);
  const more = () => {
    setShown((s) => ({ ...s, loading: true, problem: null }));
    void read(shown.after, LIMIT);
  };
  return [shown, more, () => setTurn((n) => n + 1)];
}

// Times as the rest of the page has them.
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const readable = (told: Told): Told => Object.fromEntries(Object.entries(told).map(([k, v]) => [k, typeof v === "string" && TIME.test(v) ? stamp(v) : v]));

function whoOf(line: Line): { who: string; where: string } {
  const told = line.told as Told;
  const by = member(told, "by");
  const [, person, gateway] = /^(.*) \(gateway ([^()]*)\)$/.exec(by) ?? [];
  const address = member(told, "address");
  const via = gateway ?? member(told, "gateway");
  const where = [address, via && text.gateway(via)].filter(Boolean).join(", ");
  if (by) return { who: person ?? by, where: where || text.host };
  return { who: address || line.event.startsWith("session.") ? member(told, "person") : text.nobody, where };
}

function Details({ line }: { line: Line }) {
  const rows = [[text.detail.event, line.event], ...Object.keys(line.told as Told).map((k) => [k, member(line.told as Told, k)]), [text.detail.n, String(line.n ?? "")], [text.detail.hash, line.hash]];
  return (
    <details class="audit-details">
      <summary>{text.details}</summary>
      <dl>{rows.filter(([, v]) => v).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
    </details>
  );
}

function ChainState({ chain }: { chain: Chain }) {
  if (chain.state === "broken")
    return (
      <div class="audit-chain">
        <Notice kind="error" text={text.chain.broken(chain.broken_total)} remedy={text.chain.brokenRemedy} />
        <ul class="audit-broken">{chain.broken.map((b) => <li key={b.at}>{text.chain.line(b.line, b.why)}</li>)}</ul>
      </div>
    );
  if (chain.state === "checking") return <Notice kind="info" text={text.chain.checking(chain.lines, Math.floor((100 * chain.bytes) / Math.max(1, chain.bytes_total)))} />;
  return (
    <div class="audit-chain">
      <Notice kind="good" text={text.chain.whole(chain.lines)} />
      <details class="audit-details">
        <summary>{text.chain.last}</summary>
        <Copy value={chain.last} name={text.detail.hash} />
      </details>
    </div>
  );
}

function Filters({ filter, set }: { filter: Filter; set: (f: Filter) => void }) {
  const [person, setPerson] = useState(filter.person ?? "");
  useEffect(() => setPerson(filter.person ?? ""), [filter.person]);
  useEffect(() => {
    if (person === (filter.person ?? "")) return;
    const timer = setTimeout(() => set({ ...filter, person }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [person]);
  const time = (name: "from" | "until") => (value: string) => {
    const at = ofInput(value);
    set({ ...filter, [name]: at ? rfc3339(at) : "" });
  };
  const known = Object.entries(text.types).map(([value, t]) => ({ value, text: t }));
  const types = !filter.type || filter.type in text.types ? known : [...known, { value: filter.type, text: filter.type }];
  return (
    <search class="audit-filters">
      <Field label={text.person} value={person} onInput={setPerson} hint={text.personHint} maxLength={64} autocomplete="off" spellcheck={false} />
      <Select label={text.type} value={filter.type ?? ""} options={types} onInput={(type) => set({ ...filter, type })} />
      <Field label={text.from} type="datetime-local" step={1} value={filter.from ? inputValue(filter.from) : ""} onInput={time("from")} hint={text.zone(zone())} />
      <Field label={text.until} type="datetime-local" step={1} value={filter.until ? inputValue(filter.until) : ""} onInput={time("until")} />
    </search>
  );
}

export default function Audit() {
  const place = usePlace();
  const filter: Filter = Object.fromEntries(FILTERS.flatMap((name) => (place.query.get(name) ? [[name, place.query.get(name)]] : [])));
  const set = (f: Filter) => go(pathOf("/audit", Object.fromEntries(FILTERS.map((n) => [n, f[n] || null]))), true);
  const [shown, more, again] = useLines(filter);
  const broken = new Map(shown.chain?.broken.map((b) => [b.at, b.why]));
  const columns = [
    { name: text.columns.time, cell: (l: Line) => <time class="evidence-span" dateTime={l.time ?? undefined}>{l.time ? stamp(l.time) : ""}</time> },
    { name: text.columns.who, cell: (l: Line) => <span class="audit-who">{whoOf(l).who}</span> },
    { name: text.columns.where, cell: (l: Line) => whoOf(l).where },
    {
      name: text.columns.what,
      cell: (l: Line) => (
        <div class="audit-what">
          {broken.has(l.at) && <p class="audit-bad"><Icon name="cross" />{text.broken}: {broken.get(l.at)}</p>}
          <p>{l.event ? text.sentence(l.event, readable(l.told as Told)) : text.noLine}</p>
          {l.event && <Details line={l} />}
        </div>
      ),
    },
  ];
  const filtered = Object.keys(filter).length > 0;
  const first = shown.loading && !shown.lines.length;
  return (
    <div class="evidence-page">
      <header class="evidence-title">
        <h1>{text.title}</h1>
        <p class="evidence-quiet">{text.about}</p>
      </header>
      {shown.chain ? <ChainState chain={shown.chain} /> : <div class="audit-chain audit-wait" />}
      <Filters filter={filter} set={set} />
      {filtered && <div class="evidence-row"><Button onClick={() => set({})}>{text.clear}</Button></div>}
      {shown.lines.length > 0 && <div class="evidence-card audit-list"><Table label={text.title} columns={columns} rows={shown.lines} keyOf={(l) => String(l.at)} /></div>}
      {first && <Spinner label={shown.searched ? text.searching(stamp(shown.searched)) : undefined} />}
      {shown.problem && <Notice problem={shown.problem} again={shown.lines.length ? more : again} />}
      {!shown.loading && !shown.problem && !shown.lines.length && <Empty title={text.empty} text={text.emptyHint}><Button onClick={() => set({})}>{text.clear}</Button></Empty>}
      {shown.lines.length > 0 && (
        <div class="evidence-row" role="status">
          {shown.after !== null ? <Button busy={shown.loading} onClick={more}>{text.load}</Button> : <p class="evidence-quiet">{text.searched}</p>}
          {shown.loading && shown.searched && <span class="evidence-quiet">{text.searching(stamp(shown.searched))}</span>}
        </div>
      )}
    </div>
  );
}
