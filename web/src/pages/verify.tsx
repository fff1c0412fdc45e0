// SPDX-License-Identifier: GPL-3.0-or-later
// A file that somebody has, and whether it is what a recorder sealed. All of it happens here: this page asks the server for the site's own
// fingerprint, and for nothing else.
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { get, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { bytes, duration, stamp, zone } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Copy } from "../ui/copy";
import { Field } from "../ui/field";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Progress } from "../ui/progress";
import { Segmented } from "../ui/segmented";
import { Table } from "../ui/table";
import { sourceOf } from "../verify/source";
import { verifyExport, type Item, type Verdict } from "../verify/verify";
import "./evidence.css";
import "./verify.css";

const text = strings.verify;
const SHOWN = 100; // rows of a table

type Whose = "here" | "elsewhere" | "unknown";
type Work = { at: "none" } | { at: "checking"; file: File; part: number } | { at: "said"; file: File; verdict: Verdict } | { at: "unreadable"; file: File };

const ms = (us: bigint): number => Number(us / 1000n);
const plain = (typed: string): string => typed.replace(/[\s:-]/g, "").toLowerCase();

function wrongIn(typed: string): string | undefined {
  const digits = plain(typed);
  return digits === "" || /^[0-9a-f]{64}$/.test(digits) ? undefined : text.fingerprintWrong([...digits].length);
}

// What is checked now; a newer file or fingerprint ends the one before.
function useVerdict(file: File | null, trust: string | null, ready: boolean): Work {
  const [work, setWork] = useState<Work>({ at: "none" });
  useEffect(() => {
    if (!file || !ready) return setWork({ at: "none" });
    const stop = new AbortController();
    const say = (w: Work) => stop.signal.aborted || setWork(w);
    say({ at: "checking", file, part: 0 });
    verifyExport(sourceOf(file), trust, (part) => say({ at: "checking", file, part }), stop.signal).then(
      (verdict) => say({ at: "said", file, verdict }),
      (why: unknown) => {
        if (!(why instanceof DOMException)) throw why;
        say({ at: "unreadable", file });
      },
    );
    return () => stop.abort();
  }, [file, trust, ready]);
  return work;
}

// A file let go anywhere on this page is this page's; the browser would open it instead.
function useDrop(take: (file: File) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const on = (e: DragEvent) => {
      e.preventDefault();
      setOver(true);
    };
    const off = (e: DragEvent) => e.relatedTarget === null && setOver(false);
    const drop = (e: DragEvent) => {
      e.preventDefault();
      setOver(false);
      const file = e.dataTransfer?.files[0];
      if (file) take(file);
    };
    addEventListener("dragover", on);
    addEventListener("dragleave", off);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", on);
      removeEventListener("dragleave", off);
      removeEventListener("drop", drop);
    };
  }, []);
  return over;
}

function Place({ item }: { item: Item }) {
  if (item.from === null || item.to === null) return <>{text.all}</>;
  const from = stamp(ms(item.from), true);
  const to = stamp(ms(item.to), true);
  return <span class="evidence-span">{from}{to !== from && <> – {to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to}</>}</span>;
}

function Items({ title, about, items }: { title: string; about?: string; items: Item[] }) {
  if (!items.length) return null;
  const columns = [
    { name: text.what, cell: (i: Item) => (i.kind === "gap" ? text.causes[i.text] ?? i.text : <><strong>{text.kinds[i.kind]}</strong>: {i.text}</>) },
    { name: text.where, cell: (i: Item) => <Place item={i} /> },
  ];
  const rows = items.slice(0, SHOWN).map((item, n) => ({ ...item, n }));
  return (
    <section class="evidence-card">
      <h2>{title}</h2>
      {about && <p class="evidence-quiet">{about}</p>}
      <Table label={title} columns={columns} rows={rows} keyOf={(i) => String((i as Item & { n: number }).n)} />
      {items.length > SHOWN && <p class="evidence-quiet">{text.more(items.length - SHOWN)}</p>}
    </section>
  );
}

const looks = { authentic: { icon: "check", tone: "good" }, "not authentic": { icon: "cross", tone: "bad" }, "cannot tell": { icon: "warning", tone: "warn" } } as const;

function Said({ file, verdict }: { file: File; verdict: Verdict }) {
  const { word, meaning } = text.verdicts[verdict.verdict];
  const look = looks[verdict.verdict];
  const wrong = verdict.items.filter((i) => i.kind !== "gap");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [verdict]);
  const facts: [string, string][] = [[text.name, file.name], [text.size, bytes(file.size)]];
  if (verdict.stream) facts.push([text.camera, verdict.stream], [text.recorder, verdict.recorder]);
  if (verdict.from !== null && verdict.to !== null) {
    facts.push([text.footage, `${stamp(ms(verdict.from), true)} – ${stamp(ms(verdict.to), true)} (${zone(ms(verdict.from))})`]);
    facts.push([text.length, duration(ms(verdict.to - verdict.from))], [text.sealed, String(verdict.fragments)]);
  }
  return (
    <>
      <section class={`verify-verdict verify-${look.tone}`}>
        <Icon name={look.icon} />
        <div>
          <h2 ref={heading} tabIndex={-1}>{word}</h2>
          <p>{meaning || (wrong.some((i) => i.kind === "too large") ? text.cannot.size : text.cannot.trust)}</p>
        </div>
      </section>
      <Items title={`${text.wrongTitle}: ${text.wrongCount(wrong.length)}`} items={wrong} />
      <Items title={text.gapsTitle} about={text.gapsAbout} items={verdict.items.filter((i) => i.kind === "gap")} />
      <section class="evidence-card">
        <h2>{text.aboutFile}</h2>
        <dl class="evidence-facts">
          {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
          {verdict.fingerprint && <div><dt>{text.site}</dt><dd><Copy value={verdict.fingerprint} name={text.site} /></dd></div>}
        </dl>
      </section>
    </>
  );
}

export default function Verify() {
  const site = useLoad((signal) => get<Schemas["Site"]>("/api/v1/site", {}, signal), []);
  const [file, setFile] = useState<File | null>(null);
  const [whose, setWhose] = useState<Whose>("here");
  const [typed, setTyped] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const over = useDrop(setFile);
  const own = site.value?.fingerprint ?? null;
  const wrong = whose === "elsewhere" ? wrongIn(typed) : undefined;
  const trust = useMemo(() => (whose === "here" ? own : whose === "elsewhere" && plain(typed).length === 64 && !wrongIn(typed) ? plain(typed) : null), [whose, typed, own]);
  const ready = whose === "here" ? !site.loading : !wrong;
  const work = useVerdict(file, trust, ready);
  const options = [{ value: "here", text: text.here }, { value: "elsewhere", text: text.elsewhere }, { value: "unknown", text: text.unknown }] as const;
  return (
    <div class="evidence-page">
      <header class="evidence-title">
        <h1>{text.title}</h1>
        <p class="evidence-quiet">{text.about}</p>
      </header>
      <section class="evidence-card" aria-labelledby={`${id}-whose`}>
        <h2 id={`${id}-whose`}>{text.whose}</h2>
        <p class="evidence-quiet">{text.whoseHint}</p>
        <div class="evidence-row"><Segmented label={text.whose} value={whose} options={options} onInput={setWhose} /></div>
        {whose === "here" && !own && !site.problem && <div class="verify-wait" />}
        {whose === "here" && own && <Copy value={own} name={text.fingerprintOf} />}
        {whose === "here" && site.problem && <Notice problem={site.problem} again={site.again} />}
        {whose === "elsewhere" && <Field label={text.fingerprint} hint={text.fingerprintHint} wrong={wrong} value={typed} onInput={setTyped} spellcheck={false} autocomplete="off" maxLength={200} class="evidence-mono" />}
      </section>
      <section class={`verify-drop${over ? " verify-over" : ""}`} aria-label={text.file}>
        <Icon name="verify" />
        <p>{over ? text.dropNow : file ? <strong>{file.name}</strong> : text.drop}</p>
        <Button kind={file ? "quiet" : "main"} onClick={() => input.current?.click()}>{file ? text.other : text.choose}</Button>
        <input ref={input} type="file" accept="video/mp4,.mp4" class="sr-only" tabIndex={-1} aria-label={text.file} onChange={(e) => { const chosen = e.currentTarget.files?.[0]; if (chosen) setFile(chosen); e.currentTarget.value = ""; }} />
      </section>
      {work.at === "checking" && (
        <section class="evidence-card">
          <Progress label={text.checking} value={work.part} said={text.checked(bytes(work.part * work.file.size), bytes(work.file.size))} />
          <div class="evidence-row"><Button onClick={() => setFile(null)}>{text.stop}</Button></div>
        </section>
      )}
      {work.at === "unreadable" && <Notice text={text.unreadable} remedy={text.unreadableRemedy} />}
      {work.at === "said" && <Said file={work.file} verdict={work.verdict} />}
    </div>
  );
}
