// SPDX-License-Identifier: GPL-3.0-or-later
// The exports of this session: what each is for, how far it is, what to pass on, and what went wrong.
import { useState } from "preact/hooks";
import { Problem, ask, type Schemas } from "../api";
import { follow } from "../app/route";
import { bytes } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Copy } from "../ui/copy";
import { Icon, type IconName } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Progress } from "../ui/progress";
import { partsOf, spanOf } from "./export_form";

export type Job = Schemas["Export"];

const text = strings.exporting;
const symbols: Record<string, IconName> = { ready: "export", running: "record", done: "check", failed: "cross" };

export const fileOf = (job: Job): string => `/api/v1/exports/${encodeURIComponent(job.id)}/file`;

function Progressing({ job }: { job: Job }) {
  if (job.bytes_expected === null) return <Progress label={text.looking} />;
  return <Progress label={text.progress} value={job.bytes} most={Math.max(job.bytes_expected, 1)} said={text.of(bytes(job.bytes), bytes(job.bytes_expected))} />;
}

function ToPassOn({ job, fingerprint }: { job: Job; fingerprint: string | null }) {
  return (
    <>
      <dl class="evidence-facts">
        {job.sha256 && <div><dt>{text.hash}</dt><dd><Copy value={job.sha256} name={text.hash} /></dd></div>}
        {fingerprint && <div><dt>{text.fingerprint}</dt><dd><Copy value={fingerprint} name={text.fingerprint} /></dd></div>}
      </dl>
      <p class="evidence-quiet">{text.apart}</p>
    </>
  );
}

export function ExportJob({ job, fingerprint, changed }: { job: Job; fingerprint: string | null; changed: () => void }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [camera, stream] = partsOf(job.stream);
  const remove = async () => {
    try {
      await ask("DELETE", `/api/v1/exports/${encodeURIComponent(job.id)}`);
      changed();
    } catch (why) {
      if (!(why instanceof Problem)) throw why;
      setProblem(why);
    }
  };
  const done = job.state === "done";
  return (
    <li class={`evidence-card export-job export-${job.state}`} aria-label={text.streamOf(camera, stream)}>
      <div class="export-job-head">
        <h3>{text.streamOf(camera, stream)}</h3>
        <span class="export-state"><Icon name={symbols[job.state] ?? "info"} />{text.states[job.state] ?? job.state}</span>
      </div>
      <p class="evidence-span">{spanOf(job.from, job.until).join(" – ")}{job.without_audio ? `, ${text.silent}` : ""}</p>
      <p class="export-for">{text.for(job.receiver)}<br />{job.purpose}</p>
      {job.state === "running" && <Progressing job={job} />}
      {job.state === "failed" && <Notice text={job.error ?? ""} remedy={job.remedy || text.failedRemedy} />}
      {done && <ToPassOn job={job} fingerprint={fingerprint} />}
      {problem && <Notice problem={problem} />}
      <div class="evidence-row">
        {job.state !== "running" && <a class={`button ${done ? "button-quiet" : "button-main"}`} href={fileOf(job)} download onClick={() => setTimeout(changed, 300)}><Icon name="export" />{done || job.state === "failed" ? text.again : text.download}</a>}
        {done && <a class="button button-quiet" href={`/export?note=${encodeURIComponent(job.id)}`} onClick={follow}>{text.note}</a>}
        <Button onClick={() => void remove()}>{job.state === "running" ? text.stop : text.remove}</Button>
      </div>
    </li>
  );
}
