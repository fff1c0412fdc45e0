// SPDX-License-Identifier: GPL-3.0-or-later
// A sheet for whoever receives an export: what it is, and how to check it. Made to be printed, and to be passed on apart from the file.
import { follow } from "../app/route";
import { bytes, stamp, zone } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { partsOf } from "./export_form";
import type { Job } from "./export_jobs";

const text = strings.exporting;
const grouped = (digits: string): string => digits.replace(/(.{4})(?=.)/g, "$1 ");

export function ExportNote({ job, fingerprint }: { job: Job; fingerprint: string }) {
  const rows: [string, string, boolean?][] = [
    [text.noteRows.camera, text.streamOf(...partsOf(job.stream))],
    [text.noteRows.from, `${stamp(job.from)} (${zone(job.from)})`],
    [text.noteRows.until, `${stamp(job.until)} (${zone(job.until)})`],
    [text.noteRows.receiver, job.receiver],
    [text.noteRows.purpose, job.purpose],
    [text.noteRows.person, job.person],
    [text.noteRows.size, bytes(job.bytes)],
    [text.noteRows.hash, grouped(job.sha256 ?? ""), true],
    [text.noteRows.fingerprint, grouped(fingerprint), true],
  ];
  return (
    <article class="evidence-page export-note">
      <div class="evidence-row export-unprinted">
        <a class="button button-quiet" href="/export" onClick={follow}><Icon name="back" />{text.back}</a>
        <Button kind="main" onClick={() => print()}>{text.print}</Button>
      </div>
      <h1>{text.noteTitle}</h1>
      <dl class="evidence-facts">{rows.map(([name, value, code]) => <div key={name}><dt>{name}</dt><dd class={code ? "evidence-mono" : undefined}>{value}</dd></div>)}</dl>
      <h2>{text.noteWhat}</h2>
      <p>{text.noteWhatText}</p>
      <p>{text.noteGaps}</p>
      <h2>{text.noteHow}</h2>
      <ol>{text.noteHowSteps.map((s, i) => <li key={i}>{typeof s === "function" ? s(location.origin) : s}</li>)}</ol>
      <h2>{text.noteCare}</h2>
      <p>{text.noteCareText}</p>
    </article>
  );
}
