// SPDX-License-Identifier: GPL-3.0-or-later
// A camera that is added or changed: what it is asked for, tested before, and nothing insecure chosen by itself.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, ask, getAll, segment, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Checkbox } from "../ui/checkbox";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Notice } from "../ui/notice";
import { Select } from "../ui/select";
import { Look, type Test } from "./camera_look";
import type { Row } from "./cameras_load";
import { RootDialog } from "./root_dialog";

type Transport = Schemas["CameraStream"]["transport"];
type Mode = NonNullable<Schemas["Record"]["mode"]>;

const text = strings.cameras;
const SAFE: Transport[] = ["tls", "tls-pinned"];
const EXCEPTIONS: Transport[] = ["tls-if-available", "plain"];
const MODES: Mode[] = ["always", "schedule", "event", "off"];

interface Values {
  name: string;
  url: string;
  user: string;
  password: string;
  transport: Transport;
  pin: string;
  recorder: string;
  mode: Mode;
  schedule: string;
}

const EMPTY: Values = { name: "", url: "rtsps://", user: "", password: "", transport: "tls", pin: "", recorder: "main", mode: "always", schedule: "" };

const valuesOf = (r: Row): Values => ({
  name: r.camera,
  url: r.asked.url,
  user: r.asked.user,
  password: "",
  transport: r.asked.transport,
  pin: r.asked.pin,
  recorder: r.recorder,
  mode: r.asked.record.mode ?? "always",
  schedule: r.asked.record.schedule ?? "",
});

// What goes to the server: of a camera that is there, what is another than it was.
function bodyOf(v: Values, was: Row | null): Record<string, unknown> {
  const before = was ? valuesOf(was) : null;
  const all: Record<string, unknown> = { url: v.url.trim(), transport: v.transport, recorder: v.recorder };
  if (v.transport === "tls-pinned") all.pin = v.pin.trim().toLowerCase();
  if (v.user || before?.user) all.user = v.user;
  if (v.password) all.password = v.password;
  for (const key of ["url", "user", "recorder"] as const) if (before && all[key] === before[key]) delete all[key];
  if (before && v.transport === before.transport && (v.transport !== "tls-pinned" || v.pin === before.pin)) {
    delete all.transport;
    delete all.pin;
  }
  return all;
}

function recordOf(v: Values, was: Row | null): Schemas["Record"] | null {
  const before = was ? valuesOf(was) : EMPTY;
  if (v.mode === before.mode && v.schedule === before.schedule) return null;
  return { mode: v.mode, schedule: v.mode === "schedule" || v.schedule ? v.schedule.trim() : "" };
}

interface PolicyProps {
  values: Values;
  set: (change: Partial<Values>) => void;
  sure: boolean;
  setSure: (sure: boolean) => void;
}

function Policy({ values, set, sure, setSure }: PolicyProps) {
  const radio = (t: Transport) => (
    <label key={t} class="policy">
      <input type="radio" name="transport" value={t} checked={values.transport === t} onInput={() => set({ transport: t })} />
      <span><b>{text.policies[t]?.word}</b><span class="field-hint">{text.policies[t]?.about}</span></span>
    </label>
  );
  const exception = EXCEPTIONS.includes(values.transport);
  return (
    <fieldset class="policies">
      <legend>{text.policy}</legend>
      {SAFE.map(radio)}
      {values.transport === "tls-pinned" && <Field label={text.pin} value={values.pin} onInput={(pin) => set({ pin })} hint={text.pinHint} wrong={values.pin && !/^[0-9a-fA-F]{64}$/.test(values.pin.trim()) ? text.pinWrong : undefined} spellcheck={false} autocomplete="off" class="mono" />}
      <details open={exception}>
        <summary>{text.exceptions}</summary>
        {EXCEPTIONS.map(radio)}
      </details>
      {exception && <Checkbox label={text.exceptionSure} checked={sure} onInput={setSure} />}
    </fieldset>
  );
}

interface Props {
  row: Row | null; // null: a new one
  close: () => void;
  done: (said: string) => void;
}

export function CameraForm({ row, close, done }: Props) {
  const [values, setValues] = useState<Values>(row ? valuesOf(row) : EMPTY);
  const [sure, setSure] = useState(row !== null && EXCEPTIONS.includes(row.asked.transport));
  const [busy, setBusy] = useState<"test" | "send" | null>(null);
  const [test, setTest] = useState<Test | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [rooting, setRooting] = useState(false);
  const result = useRef<HTMLDivElement>(null);
  const stop = useRef<AbortController | null>(null);
  const recorders = useLoad((signal) => getAll<Schemas["Node"]>("/api/v1/nodes", { role: "recorder" }, undefined, signal), []);
  useEffect(() => () => stop.current?.abort(), []);
  useEffect(() => {
    if (test || problem || busy === "test") result.current?.scrollIntoView({ block: "start" });
  }, [test, problem, busy]);

  const set = (change: Partial<Values>) => {
    setValues((v) => ({ ...v, ...change }));
    setTest(null); // it was of another camera
    if (change.transport) setSure(false);
  };
  const run = async (what: "test" | "send", work: () => Promise<void>) => {
    setBusy(what);
    setProblem(null);
    try {
      await work();
    } catch (why) {
      if (stop.current?.signal.aborted) return;
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
    }
    setBusy(null);
  };
  const look = (v: Values) =>
    run("test", async () => {
      stop.current = new AbortController();
      setTest(null);
      const name = v.name.trim();
      const stream = row ? { stream: row.asked.stream } : {};
      setTest(await ask<Test>("POST", "/api/v1/cameras/test", { ...(name ? { name } : {}), ...stream, ...bodyOf(v, row) }, stop.current.signal));
    });
  const send = () =>
    run("send", async () => {
      const record = recordOf(values, row);
      const body = { ...bodyOf(values, row), ...(record ? { record } : {}) };
      const name = values.name.trim();
      if (row && Object.keys(body).length === 0) return close();
      if (row) await ask("PATCH", `/api/v1/cameras/${segment(name)}`, { stream: row.asked.stream, ...body });
      else await ask("POST", "/api/v1/cameras", { name, ...body });
      done(row ? text.changed(name) : text.added(name));
    });
  const pin = (key: string) => {
    const next: Values = { ...values, transport: "tls-pinned", pin: key };
    setValues(next);
    void look(next);
  };

  const exception = EXCEPTIONS.includes(values.transport);
  const hasAddress = /^(rtsps|https|rtsp|http):\/\/[^/]/.test(values.url.trim());
  const allowed = hasAddress && (!exception || sure) && (values.transport !== "tls-pinned" || /^[0-9a-fA-F]{64}$/.test(values.pin.trim()));
  const ready = allowed && !!values.name.trim();
  const word = row ? text.save : test?.good ? text.addIt : text.addUntested;
  const submit = (event: Event) => {
    event.preventDefault();
    if (row || test?.good) void send();
    else void look(values);
  };
  return (
    <Dialog title={row ? text.changeTitle(row.path) : text.addTitle} close={close}>
      <form class="dialog-form camera-form" onSubmit={submit}>
        {!row && <Field label={text.name} value={values.name} onInput={(name) => set({ name })} hint={text.nameHint} pattern="[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?" maxLength={63} required autocomplete="off" spellcheck={false} autocapitalize="off" />}
        <Field label={text.address} type="url" value={values.url} onInput={(url) => set({ url })} hint={text.addressHint} required autocomplete="off" spellcheck={false} autocapitalize="off" />
        <div class="form-pair">
          <Field label={text.user} value={values.user} onInput={(user) => set({ user })} autocomplete="off" spellcheck={false} autocapitalize="off" maxLength={127} />
          <Field label={text.password} type="password" value={values.password} onInput={(password) => set({ password })} autocomplete="off" hint={row?.asked.user ? text.passwordKept : text.passwordHint} maxLength={256} />
        </div>
        <Policy values={values} set={set} sure={sure} setSure={setSure} />
        <div class="form-pair">
          {(recorders.value?.length ?? 0) > 1 && <Select label={text.recorder} value={values.recorder} onInput={(recorder) => set({ recorder })} hint={text.recorderHint} options={(recorders.value ?? []).map((n) => ({ value: n.name, text: n.name }))} />}
          <Select label={text.mode} value={values.mode} onInput={(mode) => setValues((v) => ({ ...v, mode }))} options={MODES.map((m) => ({ value: m, text: text.modes[m] ?? m }))} />
          {values.mode === "schedule" && <Field label={text.schedule} value={values.schedule} onInput={(schedule) => setValues((v) => ({ ...v, schedule }))} hint={text.scheduleHint} required />}
        </div>
        <div ref={result} aria-live="polite">
          {busy === "test" && <p class="look-busy">{text.testing}</p>}
          {problem && <Notice problem={problem} />}
          {test && <Look test={test} pinned={values.transport === "tls-pinned"} pin={pin} addRoot={() => setRooting(true)} />}
        </div>
        <div class="dialog-end">
          <Button onClick={close}>{strings.common.cancel}</Button>
          <Button kind={test?.good || row ? "quiet" : "main"} busy={busy === "test"} disabled={!allowed || busy !== null} onClick={() => void look(values)}>{test ? text.testAgain : text.test}</Button>
          <Button kind={test?.good || row ? "main" : "quiet"} busy={busy === "send"} disabled={!ready || busy !== null} onClick={() => void send()}>{word}</Button>
        </div>
      </form>
      {rooting && <RootDialog only="camera" close={() => setRooting(false)} done={() => { setRooting(false); void look(values); }} />}
    </Dialog>
  );
}
