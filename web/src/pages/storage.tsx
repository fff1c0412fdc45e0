// SPDX-License-Identifier: GPL-3.0-or-later
// The disks: what each is and why, how long each camera is kept, what is damaged, what is locked.
import { useState } from "preact/hooks";
import { get, getAll, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { bytes, duration, stamp } from "../app/time";
import { strings } from "../strings";
import { Empty } from "../ui/empty";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Progress } from "../ui/progress";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import { Locks } from "./storage_locks";
import { RecorderSelect } from "./recorder_select";
import "./storage.css";

type Storage = Schemas["Storage"];
type Volume = Schemas["Volume"];
type Stored = Schemas["StoredStream"];
type Damage = Schemas["Damage"];

const text = strings.storage;
const EVERY_MS = 10_000;
const PAGES_MOST = 40;

// All pages of its streams; the rest of the answer is the same in each.
async function load(recorder: string, signal: AbortSignal): Promise<Storage> {
  let page = await get<Storage>("/api/v1/storage", { recorder }, signal);
  const all = page;
  for (let n = 1; page.more && n < PAGES_MOST; n++) {
    page = await get<Storage>("/api/v1/storage", { recorder, after: page.streams[page.streams.length - 1]?.stream ?? "" }, signal);
    all.streams.push(...page.streams);
  }
  return all;
}

// "3 days", "14 hours": nobody plans by hundredths.
function span(days: number): string {
  if (days < 1 / 24) return duration(days * 24 * 3600_000);
  if (days < 2) return text.hours(Math.max(1, Math.round(days * 24)));
  return text.days(String(days < 10 ? Math.round(days * 10) / 10 : Math.round(days)));
}

function VolumeCard({ volume: v }: { volume: Volume }) {
  const healthy = v.state === "healthy";
  const used = v.total_bytes - v.free_bytes;
  const known = v.total_bytes > 0;
  const tone = !healthy ? "bad" : v.alarm || v.retired ? "warn" : "good";
  return (
    <li class="volume">
      <h3>{v.name}<small>{v.path}</small></h3>
      <p class={`volume-state volume-${tone}`}>
        <Icon name={healthy ? (v.retired ? "info" : "check") : "cross"} />
        <span>{healthy ? (v.retired ? text.retired : text.healthy) : (text.faults[v.state] ?? v.state)}</span>
        {v.since && <span class="volume-since" title={stamp(v.since)}>{text.since(duration(Date.now() - Date.parse(v.since)))}</span>}
      </p>
      {!healthy && <p class="volume-why">{v.text}</p>}
      {!healthy && v.remedy && <p class="volume-why volume-remedy">{v.remedy}</p>}
      {v.alarm && <p class="volume-why"><b>{text.damagedCount(v.damaged ?? 0)}</b> {v.alarm.text} {v.alarm.remedy}</p>}
      {known ? <Progress label={text.used} value={used} most={v.total_bytes} said={text.usedOf(bytes(used), bytes(v.total_bytes), bytes(v.free_bytes))} /> : <p class="volume-why">{text.sizeUnknown}</p>}
      <ul class="volume-facts">
        <li>{text.footage(bytes(v.footage_bytes ?? 0), v.segments ?? 0)}</li>
        {!!v.locked_bytes && <li>{text.locked(bytes(v.locked_bytes))}</li>}
        {v.keeps_days != null && <li>{text.keeps(span(v.keeps_days))}</li>}
        {v.full_in_days != null && <li>{v.full_in_days === 0 ? text.fullNow : text.fullIn(span(v.full_in_days))}</li>}
      </ul>
    </li>
  );
}

function Forecast({ storage }: { storage: Storage }) {
  const { minimum_in_days: minimum, stops_in_days: stops } = storage.forecast;
  const said = [minimum != null && (minimum === 0 ? text.minimumNow : text.minimumIn(span(minimum))), stops != null && text.stopsIn(span(stops))].filter(Boolean).join(" ");
  return <Notice kind={said ? "warning" : "good"} text={said || text.forecastGood} remedy={said ? text.forecastRemedy : undefined} />;
}

function Kept({ streams }: { streams: Stored[] }) {
  if (!streams.length) return <p class="storage-none">{text.emptyStreams}</p>;
  const columns = [
    { name: text.stream, cell: (s: Stored) => <b class="storage-name">{s.stream}</b> },
    { name: text.daysKept, cell: (s: Stored) => <span>{span(s.days_kept)}{s.below_minimum && <span class="volume-state volume-bad"><Icon name="warning" />{text.below}</span>}</span> },
    { name: text.oldest, cell: (s: Stored) => (s.oldest ? stamp(s.oldest) : "") },
    { name: text.size, cell: (s: Stored) => bytes(s.bytes) },
    { name: text.aDay, cell: (s: Stored) => (s.bytes_a_day == null ? "" : bytes(s.bytes_a_day)) },
  ];
  return <Table label={text.kept} columns={columns} rows={streams} keyOf={(s) => s.stream} />;
}

function Damaged({ recorder }: { recorder: string }) {
  const damage = useLoad((signal) => getAll<Damage>("/api/v1/storage/damage", { recorder }, 1000, signal), [recorder], 6 * EVERY_MS);
  const columns = [
    { name: text.stream, cell: (d: Damage) => <b class="storage-name">{d.stream}</b> },
    { name: text.from, cell: (d: Damage) => stamp(d.from) },
    { name: text.to, cell: (d: Damage) => stamp(d.to) },
    { name: text.what, cell: (d: Damage) => d.text },
    { name: text.volume, cell: (d: Damage) => d.volume },
    { name: text.checked, cell: (d: Damage) => (d.checked ? stamp(d.checked) : "") },
  ];
  if (damage.problem) return <Notice problem={damage.problem} again={damage.again} />;
  if (!damage.value) return <Spinner />;
  if (!damage.value.length) return <p class="storage-none">{text.damageNone}</p>;
  return <Table label={text.damage} columns={columns} rows={damage.value} keyOf={(d) => `${d.number}`} />;
}

export default function StoragePage() {
  const [recorder, setRecorder] = useState("main");
  const storage = useLoad((signal) => load(recorder, signal), [recorder], EVERY_MS);
  return (
    <div class="storage">
      <header class="storage-head">
        <h1>{text.title}</h1>
        <RecorderSelect value={recorder} onInput={setRecorder} />
      </header>
      {storage.problem && <Notice problem={storage.problem} again={storage.again} />}
      {!storage.value && !storage.problem && <Spinner />}
      {storage.value && (storage.value.volumes.length === 0 ? <Empty title={text.emptyTitle} text={text.emptyText} /> : (
        <>
          <section>
            <h2>{text.volumes}</h2>
            <ul class="volumes">{storage.value.volumes.map((v) => <VolumeCard key={v.name} volume={v} />)}</ul>
          </section>
          <section>
            <h2>{text.forecast}</h2>
            <Forecast storage={storage.value} />
          </section>
          <section>
            <h2>{text.kept}</h2>
            <Kept streams={storage.value.streams} />
          </section>
        </>
      ))}
      {storage.value && (
        <>
          <section>
            <h2>{text.damage}</h2>
            <Damaged recorder={recorder} />
          </section>
          <Locks recorder={recorder} />
        </>
      )}
    </div>
  );
}
