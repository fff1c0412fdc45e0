// SPDX-License-Identifier: GPL-3.0-or-later
// Which footage, for whom, and what the file protects: everything that is said before an export is made.
import { useId, useMemo, useState } from "preact/hooks";
import { Problem, ask, get, segment } from "../api";
import { useLoad } from "../app/load";
import { isAdministrator, useSession } from "../app/session";
import { clock, duration, inputValue, ofInput, rfc3339, stamp, zone } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Checkbox } from "../ui/checkbox";
import { Field } from "../ui/field";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Select } from "../ui/select";

const text = strings.exporting;
const GAPS_SHOWN = 8;

export type Receiver = keyof typeof text.receivers;
const RECEIVERS = Object.keys(text.receivers) as Receiver[];

export interface Wish {
  stream: string;
  from: string; // as typed into the field
  until: string;
  sound: boolean;
  receiver: Receiver;
  name: string;
  purpose: string;
}

interface Recorded {
  ranges: { from: string; to: string }[];
  gaps: { from: string; to: string; cause: string }[];
}

// "cars-main" to its camera and stream; names of streams have no "-".
export const partsOf = (stream: string): [string, string] => [stream.slice(0, stream.lastIndexOf("-")), stream.slice(stream.lastIndexOf("-") + 1)];

const time = (at: string): number => new Date(at).getTime();

// The days only where they differ.
export function spanOf(from: string, to: string): [string, string] {
  const same = stamp(from).slice(0, 10) === stamp(to).slice(0, 10);
  return [stamp(from), same ? clock(to) : stamp(to)];
}

function Preview({ stream, from, until }: { stream: string; from: Date; until: Date }) {
  const [camera, name] = partsOf(stream);
  const load = (signal: AbortSignal) => get<Recorded>(`/api/v1/cameras/${segment(camera)}/timeline`, { stream: name, from: rfc3339(from), to: rfc3339(until), parts: 500 }, signal);
  const { value, problem, again } = useLoad(load, [stream, from.getTime(), until.getTime()]);
  if (problem) return <Notice problem={problem} again={again} />;
  if (!value) return <div class="export-preview"><div class="export-bar" /><p class="evidence-quiet">{strings.common.loading}</p></div>;
  const begin = from.getTime();
  const whole = until.getTime() - begin;
  const within = value.ranges.map((r) => ({ from: Math.max(time(r.from), begin), to: Math.min(time(r.to), until.getTime()) })).filter((r) => r.to > r.from);
  const length = within.reduce((n, r) => n + r.to - r.from, 0);
  const all = whole - length < 2000; // the timeline joins what is less than 2 s apart
  const said = length === 0 ? text.nothing : all ? text.recordedAll(duration(whole)) : text.recorded(duration(length), duration(whole));
  return (
    <div class="export-preview">
      <svg class="export-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={text.bar(said)}>
        {within.map((r) => <rect key={r.from} x={(1000 * (r.from - begin)) / whole} width={Math.max(1, (1000 * (r.to - r.from)) / whole)} y="0" height="10" />)}
      </svg>
      <p role="status">{said}</p>
      {length === 0 && <p class="evidence-quiet">{text.nothingHint}</p>}
      {value.gaps.length > 0 && (
        <div class="evidence-quiet">
          <p>{text.gaps}</p>
          <ul>{value.gaps.slice(0, GAPS_SHOWN).map((g) => <li key={g.from + g.cause}>{text.gap(...spanOf(g.from, g.to), strings.verify.causes[g.cause] ?? g.cause)}</li>)}</ul>
          {value.gaps.length > GAPS_SHOWN && <p>{text.gapsMore(value.gaps.length - GAPS_SHOWN)}</p>}
        </div>
      )}
    </div>
  );
}

function Protects({ receiver }: { receiver: Receiver }) {
  const id = useId();
  return (
    <section class="evidence-card export-protects" aria-labelledby={id}>
      <h2 id={id}>{text.kindTitle}</h2>
      <table class="export-table">
        <caption class="sr-only">{text.kindTitle}</caption>
        <thead>
          <tr><th scope="col">{text.question}</th><th scope="col">{text.kind}<span>{text.kindAbout}</span></th></tr>
        </thead>
        <tbody>
          {text.lines.map((l) => (
            <tr key={l.asks}>
              <th scope="row">{l.asks}</th>
              <td><span class={l.answer === "yes" ? "export-yes" : "export-no"}><Icon name={l.answer === "yes" ? "check" : "cross"} />{text[l.answer]}</span>{l.says}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{text.forWhom}</h3>
      <dl class="export-right">
        {RECEIVERS.map((r) => (
          <div key={r} class={r === receiver ? "export-chosen" : undefined}>
            <dt>{r === receiver && <Icon name="check" />}{text.receivers[r].word}</dt>
            <dd>{text.receivers[r].right}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Receivers({ value, set }: { value: Receiver; set: (r: Receiver) => void }) {
  const id = useId();
  return (
    <fieldset class="export-receivers">
      <legend class="sr-only">{text.whom}</legend>
      {RECEIVERS.map((r) => (
        <label key={r} class={`export-receiver${r === value ? " export-chosen" : ""}`}>
          <input type="radio" name={id} value={r} checked={r === value} onInput={() => set(r)} />
          <span><strong>{text.receivers[r].word}</strong>{text.receivers[r].about}</span>
        </label>
      ))}
    </fieldset>
  );
}

// What is wrong with a time, "" where nothing is.
function wrongTimes(from: Date | null, until: Date | null): { until?: string } {
  if (from && until && until <= from) return { until: text.order };
  if (until && until.getTime() > Date.now() + 60_000) return { until: text.future };
  return {};
}

// streams: of which to choose; none while they are fetched.
export function ExportForm({ streams, start, made }: { streams: string[]; start: Wish; made: () => void }) {
  const allowed = isAdministrator(useSession());
  const [wish, setWish] = useState(start);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const set = (part: Partial<Wish>) => setWish((w) => ({ ...w, ...part }));
  const from = useMemo(() => ofInput(wish.from), [wish.from]);
  const until = useMemo(() => ofInput(wish.until), [wish.until]);
  const wrong = wrongTimes(from, until);
  const ready = from && until && !wrong.until && wish.stream !== "";
  const last = (minutes: number) => set({ from: inputValue(Date.now() - minutes * 60_000), until: inputValue(Date.now()) });
  const make = async (event: Event) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setProblem(null);
    try {
      const receiver = [text.receivers[wish.receiver].word, wish.name.trim()].filter(Boolean).join(": ");
      await ask("POST", "/api/v1/exports", { stream: wish.stream, from: rfc3339(from), until: rfc3339(until), without_audio: !wish.sound, receiver, purpose: wish.purpose.trim() });
      made();
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="export-form" onSubmit={(e) => void make(e)}>
      <div class="export-column">
        <section class="evidence-card" aria-label={text.what}>
          <h2>{text.what}</h2>
          <Select label={text.stream} value={wish.stream} options={streams.map((s) => ({ value: s, text: text.streamOf(...partsOf(s)) }))} onInput={(stream) => set({ stream })} />
          <div class="export-times">
            <Field label={text.from} type="datetime-local" step={1} required value={wish.from} onInput={(v) => set({ from: v })} />
            <Field label={text.until} type="datetime-local" step={1} required value={wish.until} wrong={wrong.until} onInput={(v) => set({ until: v })} />
          </div>
          <p class="evidence-quiet">{ready ? text.read(spanOf(rfc3339(from), rfc3339(until)).join(" – "), zone(from)) : text.zone(zone())} {text.wholePieces}</p>
          <div class="evidence-row export-lasts">
            <span class="evidence-quiet">{text.last}</span>
            {text.lasts.map(([minutes, words]) => <Button key={minutes} onClick={() => last(Number(minutes))}>{words}</Button>)}
          </div>
          {ready ? <Preview stream={wish.stream} from={from} until={until} /> : <div class="export-preview"><div class="export-bar" /></div>}
          <Checkbox label={text.sound} hint={text.soundHint} checked={wish.sound} onInput={(sound) => set({ sound })} />
        </section>
        <section class="evidence-card export-whom" aria-label={text.whom}>
          <h2>{text.whom}</h2>
          <Receivers value={wish.receiver} set={(receiver) => set({ receiver })} />
          <Field label={text.name} hint={wish.receiver === "other" ? text.nameNeeded : text.nameHint} required={wish.receiver === "other"} maxLength={80} value={wish.name} onInput={(name) => set({ name })} autocomplete="off" />
          <Field label={text.purpose} hint={text.purposeHint} required maxLength={180} value={wish.purpose} onInput={(purpose) => set({ purpose })} autocomplete="off" />
          {!allowed && <Notice kind="info" text={text.viewer} />}
          {problem && <Notice problem={problem} />}
          <div class="evidence-row"><Button kind="main" type="submit" busy={busy} disabled={!ready || !allowed}>{text.make}</Button></div>
        </section>
      </div>
      <Protects receiver={wish.receiver} />
    </form>
  );
}
