// SPDX-License-Identifier: GPL-3.0-or-later
// Footage that nothing removes: who locked it and why; added and removed with a reason.
import { useState } from "preact/hooks";
import { ask, getAll, pathOf, segment, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { isAdministrator, useSession } from "../app/session";
import { inputValue, ofInput, rfc3339, stamp } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { FormDialog } from "../ui/form_dialog";
import { Notice } from "../ui/notice";
import { Select } from "../ui/select";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";

type Lock = Schemas["Lock"];

const text = strings.storage;
const EVERY_MS = 30_000;
const REASON_MOST = 399;
const HOUR_MS = 3_600_000;

function AddLock({ close, done }: { close: () => void; done: (said: string) => void }) {
  const cameras = useLoad((signal) => getAll<Schemas["Camera"]>("/api/v1/cameras", { limit: 500 }, undefined, signal), []);
  const [camera, setCamera] = useState("");
  const [stream, setStream] = useState("main");
  const [from, setFrom] = useState(inputValue(Date.now() - HOUR_MS));
  const [to, setTo] = useState(inputValue(Date.now()));
  const [reason, setReason] = useState("");
  const [said, setSaid] = useState(text.locked1);
  const all = cameras.value ?? [];
  const of = all.find((c) => c.name === camera) ?? all[0];
  const begin = ofInput(from);
  const end = ofInput(to);
  const span = begin !== null && end !== null && end > begin;
  const run = async () => {
    if (!of || !begin || !end) return;
    const made = await ask<{ warnings?: string[] }>("POST", "/api/v1/locks", { camera: of.name, stream, from: rfc3339(begin), to: rfc3339(end), reason: reason.trim() });
    if (made.warnings?.length) setSaid(text.lockWarning(made.warnings.join(" ")));
  };
  return (
    <FormDialog title={text.lockTitle} word={text.lockIt} ready={!!of && span && !!reason.trim()} run={run} close={close} done={() => done(said)}>
      {cameras.problem && <Notice problem={cameras.problem} again={cameras.again} />}
      <div class="form-pair">
        <Select label={text.lockCamera} value={of?.name ?? ""} onInput={setCamera} options={all.map((c) => ({ value: c.name, text: c.name }))} />
        <Select label={text.lockStream} value={stream} onInput={setStream} options={(of?.streams ?? []).map((s) => ({ value: s.stream, text: s.stream }))} />
      </div>
      <div class="form-pair">
        <Field label={text.from} type="datetime-local" step="1" value={from} onInput={setFrom} required />
        <Field label={text.to} type="datetime-local" step="1" value={to} onInput={setTo} wrong={begin && end && !span ? text.spanWrong : undefined} required />
      </div>
      <Field label={text.reason} value={reason} onInput={setReason} hint={text.reasonHint} maxLength={REASON_MOST} required />
    </FormDialog>
  );
}

function RemoveLock({ lock, recorder, close, done }: { lock: Lock; recorder: string; close: () => void; done: (said: string) => void }) {
  const [reason, setReason] = useState("");
  const run = () => ask("DELETE", pathOf(`/api/v1/locks/${segment(lock.id)}`, { reason: reason.trim(), recorder }));
  return (
    <FormDialog title={text.unlockTitle} word={text.unlock} kind="danger" ready={!!reason.trim()} run={run} close={close} done={() => done(text.unlocked)}>
      <p><b>{lock.stream}</b> {stamp(lock.from)} - {stamp(lock.to)}: {lock.reason}</p>
      <p>{text.unlockText}</p>
      <Field label={text.reason} value={reason} onInput={setReason} hint={text.reasonHint} maxLength={REASON_MOST} required />
    </FormDialog>
  );
}

export function Locks({ recorder }: { recorder: string }) {
  const admin = isAdministrator(useSession());
  const locks = useLoad((signal) => getAll<Lock>("/api/v1/locks", { recorder }, undefined, signal), [recorder], EVERY_MS);
  const [open, setOpen] = useState<"add" | Lock | null>(null);
  const close = () => setOpen(null);
  const done = (said: string) => {
    toast(said);
    close();
    locks.again();
  };
  const columns = [
    { name: text.stream, cell: (l: Lock) => <b class="storage-name">{l.stream}</b> },
    { name: text.from, cell: (l: Lock) => stamp(l.from) },
    { name: text.to, cell: (l: Lock) => stamp(l.to) },
    { name: text.reason, cell: (l: Lock) => l.reason },
    { name: text.by, cell: (l: Lock) => l.by },
    { name: text.made, cell: (l: Lock) => stamp(l.made) },
  ];
  const remove = (l: Lock) => <Button kind="danger" aria-label={text.unlockOf(l.stream, stamp(l.from))} onClick={() => setOpen(l)}>{text.unlock}</Button>;
  return (
    <section>
      <div class="storage-head">
        <h2>{text.locks}</h2>
        {admin && <Button onClick={() => setOpen("add")}>{text.lockAdd}</Button>}
      </div>
      <p class="storage-none">{text.locksAbout}</p>
      {locks.problem && <Notice problem={locks.problem} again={locks.again} />}
      {!locks.value ? !locks.problem && <Spinner /> : locks.value.length === 0 ? <p class="storage-none">{text.locksNone}</p> : (
        <Table label={text.locks} columns={admin ? [...columns, { name: text.actions, cell: remove }] : columns} rows={locks.value} keyOf={(l) => l.id} />
      )}
      {open === "add" && <AddLock close={close} done={done} />}
      {open !== null && open !== "add" && <RemoveLock lock={open} recorder={recorder} close={close} done={done} />}
    </section>
  );
}
