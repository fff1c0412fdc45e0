// SPDX-License-Identifier: GPL-3.0-or-later
// What the site trusts and for how long: days left, every link, the nodes, roots of others, and the root that people install.
import type { ComponentType } from "preact";
import { useState } from "preact/hooks";
import { ask, get, getAll, segment, type Page, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { go, usePlace } from "../app/route";
import { isAdministrator, useSession } from "../app/session";
import { bytes, day, relative, stamp } from "../app/time";
import { strings } from "../strings";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { FormDialog } from "../ui/form_dialog";
import { Icon, type IconName } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Protection } from "../ui/protection";
import { Segmented } from "../ui/segmented";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import { toast } from "../ui/toast";
import { Digits } from "./camera_look";
import { RecorderSelect } from "./recorder_select";
import { RootDialog } from "./root_dialog";
import "./certificates.css";

type Watched = Schemas["WatchedCertificate"];
type Link = Schemas["Link"];
type Node = Schemas["Node"];
type Root = Schemas["Root"];

const text = strings.certificates;
const EVERY_MS = 15_000;
const REASON_MOST = 399;
const MANAGER = ""; // of the select: the manager's own links

// --- days left ---

function Left({ of: c }: { of: Watched }) {
  const over = c.days_left <= 0;
  const tone = over ? "bad" : c.warning ? "warn" : "good";
  const words = over ? text.over : c.days_left < 1 ? text.today : text.daysLeft(Math.floor(c.days_left));
  return <span class={`tone tone-${tone}`}><Icon name={over ? "cross" : c.warning ? "warning" : "check"} />{words}</span>;
}

const kindOf = (c: Watched) => text.kinds[c.what === "seal" && c.subject.startsWith("recovery/") ? "recovery" : c.what];
const EARLY_DAYS = 60; // what people renew is told of before it is warned of

function todo(c: Watched): string {
  const kind = kindOf(c);
  if (!kind || (!c.warning && kind.self)) return text.nothing;
  return c.warning || c.days_left < EARLY_DAYS ? kind.remedy : text.notYet;
}

function Watch() {
  const watch = useLoad((signal) => getAll<Watched>("/api/v1/certificates/watch", {}, undefined, signal), [], 4 * EVERY_MS);
  if (watch.problem && !watch.value) return <Notice problem={watch.problem} again={watch.again} />;
  if (!watch.value) return <Spinner />;
  if (!watch.value.length) return <p class="certificates-none">{text.watchNone}</p>;
  const columns = [
    { name: text.left, cell: (c: Watched) => <Left of={c} /> },
    { name: text.what, cell: (c: Watched) => kindOf(c)?.word ?? c.what },
    { name: text.of, cell: (c: Watched) => <b class="certificates-name">{c.subject}</b> },
    { name: text.ends, cell: (c: Watched) => <time dateTime={c.not_after} title={stamp(c.not_after)}>{day(c.not_after)}</time> },
    { name: text.atEnd, cell: (c: Watched) => kindOf(c)?.end },
    { name: text.todo, cell: (c: Watched) => todo(c) },
  ];
  return <Table label={text.watch} columns={columns} rows={watch.value} keyOf={(c) => `${c.what} ${c.subject} ${c.not_after}`} />;
}

// --- links ---

const linkLooks: Record<string, { icon: IconName; tone: string }> = { open: { icon: "check", tone: "good" }, streaming: { icon: "check", tone: "good" }, refused: { icon: "cross", tone: "bad" }, stopped: { icon: "cross", tone: "bad" }, waiting: { icon: "warning", tone: "warn" } };
const short = (uri: string): string => uri.replace(/^custos:\/\/[^/]*\//, "");
const amount = (n: number | null | undefined): string => (n == null ? "-" : bytes(n));

function Links() {
  const [of, setOf] = useState(MANAGER);
  const links = useLoad(async (signal) => {
    const all: Link[] = [];
    let after: string | null = null;
    do {
      const page: Page<Link> = await get<Page<Link>>("/api/v1/links", { recorder: of || null, after }, signal);
      all.push(...page.items);
      after = page.more ? String(page.after) : null;
    } while (after !== null && all.length < 5000);
    return all;
  }, [of], EVERY_MS);
  const columns = [
    { name: text.from, cell: (l: Link) => <b class="certificates-name">{short(l.from)}</b> },
    { name: text.to, cell: (l: Link) => <b class="certificates-name">{short(l.to)}</b> },
    { name: text.state, cell: (l: Link) => { const look = linkLooks[l.state] ?? { icon: "clock" as const, tone: "quiet" }; return <span class={`tone tone-${look.tone}`}><Icon name={look.icon} />{text.linkStates[l.state] ?? l.state}</span>; } },
    { name: text.protection, cell: (l: Link) => <Protection protection={l.protection} state={l.protection ? "streaming" : l.state} /> },
    { name: text.wire, cell: (l: Link) => [l.tls, l.cipher].filter(Boolean).join(", ") },
    { name: text.peer, cell: (l: Link) => (/^[0-9a-f]{64}$/.test(l.peer ?? "") ? <Digits of={l.peer ?? ""} /> : short(l.peer ?? "")) },
    { name: text.left, cell: (l: Link) => (l.days_left == null ? "" : text.daysLeft(Math.floor(l.days_left))) },
    { name: text.bytes, cell: (l: Link) => `${amount(l.bytes_in)} / ${amount(l.bytes_out)}` },
    { name: text.plain, cell: (l: Link) => <span class={l.plaintext_bytes ? "tone tone-bad" : "tone tone-good"}>{bytes(l.plaintext_bytes ?? 0)}</span> },
  ];
  return (
    <>
      <div class="certificates-do"><RecorderSelect label={text.linksOf} value={of} onInput={setOf} besides={{ value: MANAGER, text: text.manager }} /></div>
      {links.problem && <Notice problem={links.problem} again={links.again} />}
      {!links.value ? !links.problem && <Spinner /> : links.value.length ? <Table label={text.links} columns={columns} rows={links.value} keyOf={(l) => `${l.from} ${l.to} ${l.told_by ?? ""}`} /> : <p class="certificates-none">{text.linksNone}</p>}
    </>
  );
}

// --- nodes ---

function Revoke({ node, close, done }: { node: Node; close: () => void; done: () => void }) {
  const [reason, setReason] = useState("");
  const run = () => ask("POST", `/api/v1/nodes/${segment(node.role)}/${segment(node.name)}/revoke`, { reason: reason.trim() });
  return (
    <FormDialog title={text.revokeTitle(`${node.role} ${node.name}`)} word={text.revoke} kind="danger" ready={!!reason.trim()} run={run} close={close} done={done}>
      <p>{text.revokeText}</p>
      {node.role === "gateway" && <Notice kind="warning" text={text.self} />}
      <Field label={text.revokeReason} value={reason} onInput={setReason} maxLength={REASON_MOST} required />
    </FormDialog>
  );
}

const nodeLooks: Record<string, { icon: IconName; tone: string }> = { connected: { icon: "check", tone: "good" }, away: { icon: "cross", tone: "bad" }, refuses: { icon: "cross", tone: "bad" }, revoked: { icon: "cross", tone: "quiet" } };

function Nodes() {
  const admin = isAdministrator(useSession());
  const nodes = useLoad((signal) => getAll<Node>("/api/v1/nodes", {}, undefined, signal), [], EVERY_MS);
  const [open, setOpen] = useState<Node | null>(null);
  if (nodes.problem && !nodes.value) return <Notice problem={nodes.problem} again={nodes.again} />;
  if (!nodes.value) return <Spinner />;
  const columns = [
    { name: text.role, cell: (n: Node) => text.roles[n.role] ?? n.role },
    { name: text.name, cell: (n: Node) => <b class="certificates-name">{n.name}</b> },
    {
      name: text.state,
      cell: (n: Node) => {
        const look = nodeLooks[n.state] ?? { icon: "clock" as const, tone: "quiet" };
        return (
          <div>
            <span class={`tone tone-${look.tone}`}><Icon name={look.icon} />{text.nodeStates[n.state] ?? n.state}{n.since && <span class="certificates-quiet" title={stamp(n.since)}>{relative(n.since)}</span>}</span>
            {text.nodeRemedies[n.state] && <span class="certificates-quiet certificates-more">{text.nodeRemedies[n.state]}</span>}
          </div>
        );
      },
    },
    { name: text.address, cell: (n: Node) => n.address ?? "" },
    { name: text.until, cell: (n: Node) => (n.not_after ? day(n.not_after) : "") },
  ];
  const revoke = (n: Node) => (n.role !== "manager" && n.state !== "revoked" ? <Button kind="danger" aria-label={`${text.revoke}: ${n.role} ${n.name}`} onClick={() => setOpen(n)}>{text.revoke}</Button> : null);
  return (
    <>
      <Table label={text.nodes} columns={admin ? [...columns, { name: text.actions, cell: revoke }] : columns} rows={nodes.value} keyOf={(n) => `${n.role}/${n.name}`} />
      {open && <Revoke node={open} close={() => setOpen(null)} done={() => { toast(text.revoked(open.name)); setOpen(null); nodes.again(); }} />}
    </>
  );
}

// --- roots ---

function Roots() {
  const admin = isAdministrator(useSession());
  const roots = useLoad((signal) => getAll<Root>("/api/v1/roots", {}, undefined, signal), []);
  const [open, setOpen] = useState<"add" | Root | null>(null);
  const done = (said: string) => {
    toast(said);
    setOpen(null);
    roots.again();
  };
  if (roots.problem && !roots.value) return <Notice problem={roots.problem} again={roots.again} />;
  if (!roots.value) return <Spinner />;
  const columns = [
    { name: text.rootClass, cell: (r: Root) => text.classes[r.class] ?? r.class },
    { name: text.subject, cell: (r: Root) => <b class="certificates-name">{r.subject}</b> },
    { name: text.fingerprint, cell: (r: Root) => <Digits of={r.fingerprint} /> },
    { name: text.until, cell: (r: Root) => day(r.until) },
  ];
  const remove = (r: Root) => <Button kind="danger" aria-label={text.rootRemoveOf(r.subject)} onClick={() => setOpen(r)}>{text.rootRemove}</Button>;
  return (
    <>
      <div class="certificates-do">
        <p class="certificates-none">{text.rootsAbout}</p>
        {admin && <Button onClick={() => setOpen("add")}>{text.rootAdd}</Button>}
      </div>
      {roots.value.length ? <Table label={text.roots} columns={admin ? [...columns, { name: text.actions, cell: remove }] : columns} rows={roots.value} keyOf={(r) => String(r.id)} /> : <p class="certificates-none">{text.rootsNone}</p>}
      {open === "add" && <RootDialog close={() => setOpen(null)} done={() => done(text.rootAdded)} />}
      {open !== null && open !== "add" && (
        <FormDialog title={text.rootRemoveTitle} word={text.rootRemove} kind="danger" run={() => ask("DELETE", `/api/v1/roots/${open.id}`)} close={() => setOpen(null)} done={() => done(text.rootRemoved)}>
          <p><b>{open.subject}</b></p>
          <p>{text.rootRemoveText}</p>
        </FormDialog>
      )}
    </>
  );
}

// --- the root for devices ---

async function rootFingerprint(signal: AbortSignal): Promise<string> {
  const der = await (await fetch("/root.crt", { signal, cache: "no-store" })).arrayBuffer();
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", der))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

function Device() {
  const root = useLoad(rootFingerprint, []);
  const site = useLoad((signal) => get<{ fingerprint: string }>("/api/v1/site", {}, signal), []);
  return (
    <>
      <p class="certificates-text">{text.deviceText}</p>
      <div class="certificates-do">
        <a class="button button-main" href="/root.crt" download="root.crt">{text.deviceGet}</a>
        {root.value && <span class="certificates-print"><span class="certificates-quiet">{text.fingerprint}</span><Digits of={root.value} /></span>}
      </div>
      <dl class="devices">
        {text.devices.map(([name, first, second]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{first}</dd>
            <dd>{second}</dd>
          </div>
        ))}
      </dl>
      <Notice kind="info" text={text.deviceNot} />
      {site.value && <p class="certificates-print"><span class="certificates-quiet">{text.siteFingerprint}</span><Digits of={site.value.fingerprint} /></p>}
    </>
  );
}

type Part = "watch" | "links" | "nodes" | "roots" | "device";
const PARTS: Record<Part, ComponentType> = { watch: Watch, links: Links, nodes: Nodes, roots: Roots, device: Device };

export default function Certificates() {
  const asked = usePlace().query.get("part") ?? "watch";
  const part: Part = asked in PARTS ? (asked as Part) : "watch";
  const Shown = PARTS[part];
  return (
    <div class="certificates">
      <header class="certificates-do">
        <h1>{text.title}</h1>
        <Segmented label={text.parts} value={part} onInput={(p) => go(`/certificates?part=${p}`, true)} options={(Object.keys(PARTS) as Part[]).map((p) => ({ value: p, text: text[p] }))} />
      </header>
      <Shown key={part} />
    </div>
  );
}
