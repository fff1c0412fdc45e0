// SPDX-License-Identifier: GPL-3.0-or-later
// Every camera: what it is asked for, what its wire really carries, what is wrong and what to do; for administrators also to add, change, remove.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask, segment } from "../api";
import { go, usePlace } from "../app/route";
import { isAdministrator, useSession } from "../app/session";
import { duration, stamp } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Empty } from "../ui/empty";
import { Field } from "../ui/field";
import { FormDialog } from "../ui/form_dialog";
import { Icon, type IconName } from "../ui/icon";
import { Menu } from "../ui/menu";
import { Notice } from "../ui/notice";
import { Protection } from "../ui/protection";
import { Select } from "../ui/select";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import { Textarea } from "../ui/textarea";
import { toast } from "../ui/toast";
import { CameraForm } from "./camera_form";
import { filterOf, matches, stateOf, useInventory, wantsSomebody, type Inventory, type Row } from "./cameras_load";
import "./cameras.css";

const text = strings.cameras;
const PAGE_ROWS = 50;

const looks: Record<string, { icon: IconName; tone: string }> = {
  recording: { icon: "record", tone: "good" },
  connected: { icon: "check", tone: "quiet" },
  connecting: { icon: "clock", tone: "quiet" },
  off: { icon: "pause", tone: "quiet" },
};

// Texts of the system end without a stop, and remedies follow.
const sentence = (t: string): string => (/[.!?]$/.test(t) ? t : `${t}.`);

// In words, with cause and remedy where something is wrong; the remedy ends the text of many faults already.
function State({ row: r }: { row: Row }) {
  const state = stateOf(r);
  const look = looks[state] ?? { icon: "warning" as const, tone: "bad" };
  const error = r.state && state !== "recording" && state !== "off" ? r.state.error : "";
  const [why, fix] = (error ?? "").split(" Fix: ");
  const alarm = r.state?.alarm;
  return (
    <>
      <span class={`cameras-state cameras-${alarm && look.tone === "good" ? "warn" : look.tone}`}><Icon name={look.icon} />{text.states[state]}</span>
      {r.state?.connected && state === "recording" && !alarm && <span class="cameras-more" title={stamp(r.state.connected)}>{text.since(duration(Date.now() - Date.parse(r.state.connected)))}</span>}
      {why && <span class="cameras-more cameras-why">{sentence(why)} {fix ?? r.state?.remedy ?? ""}</span>}
      {!why && state === "waiting" && <span class="cameras-more">{text.tries}</span>}
      {alarm && <span class="cameras-more cameras-why">{alarm.text} {alarm.remedy}</span>}
    </>
  );
}

function Wire({ row: r }: { row: Row }) {
  const s = r.state;
  const connected = s?.state === "streaming";
  return (
    <>
      {connected && <span>{s.tls ? `${s.tls}, ${s.cipher}` : text.clear}</span>}
      <span class="cameras-more">{text.carriers[s?.carrier ?? r.asked.carrier]}</span>
      {text.allowed[r.asked.transport] && <span class="cameras-more cameras-warn">{text.allowed[r.asked.transport]}</span>}
    </>
  );
}

function Recording({ row: r }: { row: Row }) {
  const record = r.asked.record;
  const days = [record.min_days && text.keepsMin(record.min_days), record.max_days && text.keepsMax(record.max_days)].filter(Boolean).join(", ");
  const gate = r.state?.gate && text.gates[r.state.gate];
  return (
    <>
      <span>{text.modes[record.mode ?? "always"]}{gate ? `, ${gate}` : ""}</span>
      {record.mode === "schedule" && <span class="cameras-more">{record.schedule}</span>}
      {days && <span class="cameras-more">{days}</span>}
    </>
  );
}

function About({ row: r }: { row: Row }) {
  const connected = r.state?.state === "streaming";
  const words = (connected && strings.common.protection[r.state?.protection ?? ""]) || strings.common.protectionNone;
  return (
    <>
      <Protection protection={r.state?.protection ?? ""} state={r.state?.state ?? ""} />
      <span class="cameras-more">{words.about}</span>
    </>
  );
}

function Issue({ row, close }: { row: Row; close: () => void }) {
  const [csr, setCsr] = useState("");
  const [made, setMade] = useState<string | null>(null);
  const title = text.issueTitle(row.camera);
  const send = async () => setMade((await ask<{ certificate: string }>("POST", `/api/v1/cameras/${segment(row.camera)}/certificate`, { csr })).certificate);
  const link = useMemo(() => (made ? URL.createObjectURL(new Blob([made], { type: "application/x-pem-file" })) : ""), [made]);
  useEffect(() => () => URL.revokeObjectURL(link), [link]);
  if (made === null)
    return (
      <FormDialog title={title} word={text.issueIt} ready={csr.includes("REQUEST")} run={send} close={close} done={() => {}}>
        <p>{text.issueText}</p>
        <Textarea label={text.csr} value={csr} onInput={setCsr} rows={6} placeholder={text.csrHint} spellcheck={false} class="mono" required />
      </FormDialog>
    );
  return (
    <Dialog title={title} close={close}>
      <div class="dialog-form">
        <Textarea label={text.issued} value={made} onInput={() => {}} rows={10} readOnly class="mono" />
        <div class="dialog-end">
          <a class="button button-main" href={link} download={`${row.camera}.pem`}>{text.download}</a>
          <Button onClick={close}>{strings.common.close}</Button>
        </div>
      </div>
    </Dialog>
  );
}

type Open = { what: "add" } | { what: "change" | "remove" | "issue" | "forget"; row: Row } | null;

function Dialogs({ open, close, done }: { open: Open; close: () => void; done: (said: string) => void }) {
  if (!open) return null;
  if (open.what === "add") return <CameraForm row={null} close={close} done={done} />;
  const path = `/api/v1/cameras/${segment(open.row.camera)}`;
  switch (open.what) {
    case "change":
      return <CameraForm row={open.row} close={close} done={done} />;
    case "issue":
      return <Issue row={open.row} close={close} />;
    case "remove":
      return <FormDialog title={text.removeTitle(open.row.camera)} word={text.remove} kind="danger" run={() => ask("DELETE", path)} close={close} done={() => done(text.removed(open.row.camera))}><p>{text.removeText}</p></FormDialog>;
    case "forget":
      return <FormDialog title={text.forgetTitle(open.row.camera)} word={text.forget} kind="danger" run={() => ask("DELETE", `${path}/tls-memory`)} close={close} done={() => done(text.forgotten(open.row.camera))}><p>{text.forgetText}</p></FormDialog>;
  }
}

interface ListProps {
  inventory: Inventory;
  words: string;
  filter: string;
  show: (open: Open) => void;
  all: () => void;
}

function List({ inventory, words, filter, show, all }: ListProps) {
  const admin = isAdministrator(useSession());
  const [page, setPage] = useState(0);
  useEffect(() => setPage(0), [words, filter]);
  const rows = inventory.rows.filter((r) => matches(r, words) && (filter === "all" || (filter === "attention" ? wantsSomebody(r) : filterOf(r) === filter)));
  const at = Math.min(page, Math.max(0, Math.ceil(rows.length / PAGE_ROWS) - 1)) * PAGE_ROWS;
  const shown = rows.slice(at, at + PAGE_ROWS);
  if (!inventory.rows.length)
    return (
      <Empty title={text.emptyTitle} text={admin ? text.emptyText : `${text.emptyText} ${text.emptyViewer}`}>
        {admin && <Button kind="main" onClick={() => show({ what: "add" })}>{text.add}</Button>}
      </Empty>
    );
  if (!rows.length) return <Empty title={text.noneTitle} text={text.none}><Button onClick={all}>{text.all}</Button></Empty>;
  const columns = [
    { name: text.camera, cell: (r: Row) => <span class="cameras-name"><span>{r.path}</span><small>{r.asked.url}</small></span> },
    { name: text.state, cell: (r: Row) => <div><State row={r} /></div> },
    { name: text.protection, cell: (r: Row) => <div><About row={r} /></div> },
    { name: text.wire, cell: (r: Row) => <div><Wire row={r} /></div> },
    { name: text.recording, cell: (r: Row) => <div><Recording row={r} /></div> },
    { name: text.recorder, cell: (r: Row) => r.recorder },
  ];
  const actions = (r: Row) => (
    <Menu label={text.actionsOf(r.path)} show={<Icon name="more" />} bare choices={[
      { text: text.change, run: () => show({ what: "change", row: r }) },
      { text: text.issue, run: () => show({ what: "issue", row: r }) },
      { text: text.forget, run: () => show({ what: "forget", row: r }) },
      { text: text.remove, run: () => show({ what: "remove", row: r }), danger: true },
    ]} />
  );
  return (
    <>
      <Table label={text.table} columns={admin ? [...columns, { name: text.actions, cell: actions }] : columns} rows={shown} keyOf={(r) => r.path} />
      {rows.length > PAGE_ROWS && (
        <div class="cameras-pages">
          <span role="status">{text.range(at + 1, at + shown.length, rows.length)}</span>
          <Button disabled={at === 0} onClick={() => setPage(at / PAGE_ROWS - 1)}>{text.previous}</Button>
          <Button disabled={at + PAGE_ROWS >= rows.length} onClick={() => setPage(at / PAGE_ROWS + 1)}>{text.next}</Button>
        </div>
      )}
    </>
  );
}

export default function Cameras() {
  const admin = isAdministrator(useSession());
  const place = usePlace();
  const inventory = useInventory();
  const [words, setWords] = useState(place.query.get("search") ?? "");
  const [filter, setFilter] = useState(place.query.get("show") ?? "all");
  const [open, show] = useState<Open>(place.query.has("add") && admin ? { what: "add" } : null);
  const close = () => {
    show(null);
    if (place.query.has("add")) go("/cameras", true);
  };
  const done = (said: string) => {
    toast(said);
    close();
    inventory.again();
  };
  const counts = new Map<string, number>();
  for (const r of inventory.value?.rows ?? []) for (const f of ["all", filterOf(r), ...(wantsSomebody(r) ? ["attention"] : [])]) counts.set(f, (counts.get(f) ?? 0) + 1);
  return (
    <div class="cameras">
      <header class="cameras-head">
        <h1>{text.title}</h1>
        <Field label={text.search} type="search" value={words} onInput={setWords} />
        <Select label={text.filter} value={filter} onInput={setFilter} options={Object.entries(text.filters).map(([value, word]) => ({ value, text: `${word} (${counts.get(value) ?? 0})` }))} />
        {admin && <Button kind="main" onClick={() => show({ what: "add" })}>{text.add}</Button>}
      </header>
      {inventory.problem && <Notice problem={inventory.problem} again={inventory.again} />}
      {[...(inventory.value?.away ?? [])].map(([name, why]) => <Notice key={name} kind="warning" text={text.recorderAway(name)} remedy={why.remedy || why.detail} />)}
      {!inventory.value ? !inventory.problem && <Spinner /> : <List inventory={inventory.value} words={words} filter={filter} show={show} all={() => { setWords(""); setFilter("all"); }} />}
      <Dialogs open={open} close={close} done={done} />
    </div>
  );
}
