// SPDX-License-Identifier: GPL-3.0-or-later
// Taking footage away as evidence. The address says what is asked for: /export?stream=&from=&until= (times of RFC 3339), and /export?note=ID the
// sheet for who receives one.
import { useEffect, useState } from "preact/hooks";
import { get, getAll, type Schemas } from "../api";
import { pathOfStream } from "../app/cameras";
import { useLoad } from "../app/load";
import { usePlace, type Place } from "../app/route";
import { inputValue } from "../app/time";
import { strings } from "../strings";
import { Empty } from "../ui/empty";
import { Notice } from "../ui/notice";
import { Spinner } from "../ui/spinner";
import { ExportForm, type Wish } from "./export_form";
import { ExportJob, type Job } from "./export_jobs";
import { ExportNote } from "./export_note";
import "./evidence.css";
import "./export.css";

const text = strings.exporting;
const BUSY_MS = 1000; // between two looks while one is made
const IDLE_MS = 10_000;
const STREAM = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?-[a-z0-9]{1,16}$/;
const TEN_MINUTES = 600_000;

// Of every recorder; and the one of the address, whose camera may be gone while its footage is there.
function streamsOf(cameras: Schemas["Camera"][], asked: string | null): string[] {
  const names = cameras.flatMap((c) => c.streams.map((s) => pathOfStream(c.name, s.stream)));
  return asked && STREAM.test(asked) && !names.includes(asked) ? [...names, asked] : names;
}

function startOf(place: Place, streams: string[]): Wish {
  const given = (name: string, instead: number) => inputValue(place.query.get(name) ?? instead) || inputValue(instead);
  const asked = place.query.get("stream") ?? "";
  const now = Math.floor(Date.now() / 1000) * 1000;
  return { stream: streams.includes(asked) ? asked : streams[0] ?? "", from: given("from", now - TEN_MINUTES), until: given("until", now), sound: true, receiver: "management", name: "", purpose: "" };
}

function Jobs({ jobs, fingerprint, changed }: { jobs: Job[] | null; fingerprint: string | null; changed: () => void }) {
  const list = jobs?.length ? <ul>{jobs.map((j) => <ExportJob key={j.id} job={j} fingerprint={fingerprint} changed={changed} />)}</ul> : null;
  return (
    <section class="export-jobs" aria-label={text.jobs}>
      <h2>{text.jobs}</h2>
      <p class="evidence-quiet">{text.jobsAbout}</p>
      {list ?? <p class="evidence-card evidence-quiet">{jobs ? `${text.jobsEmpty}. ${text.jobsEmptyHint}` : strings.common.loading}</p>}
    </section>
  );
}

export default function Export() {
  const place = usePlace();
  const cameras = useLoad((signal) => getAll<Schemas["Camera"]>("/api/v1/cameras", {}, undefined, signal), []);
  const site = useLoad((signal) => get<Schemas["Site"]>("/api/v1/site", {}, signal), []);
  const [busy, setBusy] = useState(false);
  const jobs = useLoad((signal) => getAll<Job>("/api/v1/exports", {}, undefined, signal), [], busy ? BUSY_MS : IDLE_MS);
  useEffect(() => setBusy(jobs.value?.some((j) => j.state === "running") ?? false), [jobs.value]);
  const fingerprint = site.value?.fingerprint ?? null;
  const note = place.query.get("note");
  if (note) {
    const job = jobs.value?.find((j) => j.id === note && j.state === "done");
    if (job && fingerprint) return <ExportNote job={job} fingerprint={fingerprint} />;
    if (jobs.problem || site.problem) return <Notice problem={jobs.problem ?? site.problem} again={() => (jobs.again(), site.again())} />;
    return jobs.loading || site.loading ? <Spinner /> : <Empty title={text.noteGone} text={text.noteGoneHint}><a href="/export">{text.back}</a></Empty>;
  }
  const names = streamsOf(cameras.value ?? [], place.query.get("stream"));
  return (
    <div class="evidence-page">
      <header class="evidence-title">
        <h1>{text.title}</h1>
        <p class="evidence-quiet">{text.about}</p>
      </header>
      {cameras.problem && !cameras.value && <Notice problem={cameras.problem} again={cameras.again} />}
      {cameras.value && !names.length && <Empty title={text.noCameras} text={text.noCamerasHint}><a href="/cameras">{strings.common.pages.cameras}</a></Empty>}
      {(names.length > 0 || (cameras.loading && !cameras.value)) && <ExportForm key={`${names.length > 0} ${place.query}`} streams={names} start={startOf(place, names)} made={jobs.again} />}
      {jobs.problem && !jobs.value && <Notice problem={jobs.problem} again={jobs.again} />}
      {(jobs.value || !jobs.problem) && <Jobs jobs={jobs.value} fingerprint={fingerprint} changed={jobs.again} />}
    </div>
  );
}
