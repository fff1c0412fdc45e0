// SPDX-License-Identifier: GPL-3.0-or-later
// The audit log in sentences. What a line tells comes from outside: it is shown as text, and as nothing else.
export type Told = Record<string, unknown>;

// One member as people read it; "" where there is none.
export function member(told: Told, name: string): string {
  const value = told[name];
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}

const camera = (t: Told) => `${member(t, "camera")}${member(t, "stream") && `-${member(t, "stream")}`}`;
const span = (t: Told) => (member(t, "from") ? `, footage of ${member(t, "from")} to ${member(t, "until") || member(t, "to")}` : "");
const node = (t: Told) => `${member(t, "role")} ${member(t, "node") || "without a name"}`;
const list = (t: Told, name: string) => (Array.isArray(t[name]) ? (t[name] as unknown[]).map(String).join(", ") : member(t, name));
const uses = (t: Told): string[] => (Array.isArray(t.use) ? t.use.map(String) : [member(t, "use")]);
const deeds: Record<string, string> = { live: "watch live", playback: "watch what was recorded", export: "take footage away" };
const why = (t: Told) => (member(t, "reason") ? `: ${member(t, "reason")}` : "");
const text = (t: Told) => (member(t, "text") ? `: ${member(t, "text")}` : "");
const transports: Record<string, string> = { tls: "verified TLS", "tls-pinned": "pinned TLS", "tls-if-available": "TLS if the camera has it", plain: "no encryption" };
const transport = (t: Told, name: string) => transports[member(t, name)] ?? member(t, name);

// Each event of docs/spec/audit.md; one that is not here is shown by its name.
const sentences: Record<string, (t: Told) => string> = {
  "camera.added": (t) => `Camera ${camera(t)} added: ${member(t, "url")}, ${transport(t, "transport")}`,
  "camera.changed": (t) => `Camera ${camera(t)} changed: ${member(t, "url")}, ${transport(t, "transport")}`,
  "camera.removed": (t) => `Camera ${camera(t)} removed`,
  "camera.record": (t) => `Less of ${camera(t)} is recorded or kept than before`,
  "camera.refused": (t) => `Camera ${camera(t)} refused${text(t)}`,
  "exception.chosen": (t) => `Exception from encryption chosen for ${camera(t)}: ${transport(t, "transport")}, before ${transport(t, "before")}`,
  "transport.became_tls": (t) => `Camera ${camera(t)} spoke verified TLS, and is not taken without it any more`,
  "tls_memory.cleared": (t) => `Camera ${camera(t)} may be taken without TLS again`,
  "certificate.issued": (t) => `Certificate made for ${camera(t)}`,
  "certificate.revoked": (t) => `${member(t, "certificates") || "Certificates"} of ${camera(t)} revoked`,
  "certificate.due": (t) => `Certificate of ${member(t, "subject")} runs out at ${member(t, "not_after")} (${member(t, "warning")})`,
  "trust.added": (t) => `Root of others trusted for ${member(t, "class")}s: ${member(t, "subject")}`,
  "trust.removed": (t) => `Root of others trusted no more: ${member(t, "subject")}`,
  "site.backup": () => "Backup of the site made: it holds the keys of its issuers",
  "site.restored": (t) => `Site made again from a backup of ${member(t, "made")}`,
  "storage.added": (t) => `Volume ${member(t, "volume")} added at ${member(t, "path")}`,
  "storage.retired": (t) => `Volume ${member(t, "volume")} takes no new footage`,
  "lock.added": (t) => `Footage of ${camera(t)} locked${why(t)}${span(t)}`,
  "lock.removed": (t) => `Lock of footage of ${camera(t)} removed${why(t)}${span(t)}`,
  "lock.not_removed": (t) => `A lock may still be there${text(t)}`,
  "node.added": (t) => `Enrolment code made for ${node(t)}`,
  "node.enrolled": (t) => `${node(t)} enrolled`,
  "node.renewed": (t) => `${node(t)} renewed its certificate`,
  "seal.certified": (t) => `${node(t)} has a certificate to seal by`,
  "node.enrol_refused": (t) => `Enrolment refused for ${node(t)}${text(t)}`,
  "node.renewal_refused": (t) => `Renewal refused for ${node(t)}${text(t)}`,
  "peer.refused": (t) => `Connection refused from ${node(t)}${text(t)}`,
  "node.revoked": (t) => `${node(t)} revoked${why(t)}`,
  "node.removed": (t) => `${node(t)} removed`,
  "person.added": (t) => `${member(t, "person")} may sign in as ${member(t, "role")}`,
  "person.changed": (t) => `${member(t, "person")} changed${t.password === true ? ": new password" : ""}${t.disabled === true ? ": shut out" : ""}`,
  "person.removed": (t) => `${member(t, "person")} removed`,
  "setup.refused": (t) => `Setup refused${text(t)}`,
  "session.opened": (t) => `${member(t, "person")} signed in`,
  "session.refused": (t) => `Sign-in refused${member(t, "person") && ` as ${member(t, "person")}`}${text(t)}`,
  "session.revoked": (t) => `${member(t, "person") ? `All sessions of ${member(t, "person")}` : "A session"} ended by somebody else`,
  "session.ended": (t) => `${member(t, "person")} signed out or was signed out (${member(t, "reason")})`,
  "grant.made": (t) => {
    const what = uses(t).map((u) => deeds[u] ?? u).join(" and ");
    return `${member(t, "person")} may ${what}: ${list(t, "streams")}${span(t)}${member(t, "receiver") && `, for ${member(t, "receiver")}`}${member(t, "purpose") && `: ${member(t, "purpose")}`}`;
  },
  "recorder.refuses": (t) => `Recorder ${member(t, "recorder") || member(t, "node")} follows another manager${text(t)}`,
};

export const audit = {
  title: "Audit log",
  about: "Who did what, and from where: written before it counts, each line naming the one before it.",
  sentence: (event: string, told: Told): string => sentences[event]?.(told) ?? event,
  nobody: "Custos itself",
  host: "a terminal of the server",
  gateway: (name: string) => `gateway ${name}`,
  columns: { time: "Time", who: "Who", where: "From where", what: "What", more: "" },
  details: "Details",
  detail: { n: "Line", event: "Event", hash: "Hash" },
  broken: "This line is broken",
  noLine: "What stands here is no line of this log",
  person: "Person",
  personHint: "Who did it, or whom it is about.",
  type: "What",
  types: {
    "": "Everything", camera: "Cameras", exception: "Exceptions from encryption", certificate: "Certificates", grant: "Who was let see or take what", lock: "Locks", node: "Hosts", person: "People", session: "Sign-ins", setup: "First start", site: "Backups", storage: "Storage", trust: "Roots of others",
  } as Record<string, string>,
  from: "From",
  until: "Until",
  clear: "Show everything",
  zone: (z: string) => `Times are of this device's zone, ${z}.`,
  load: "Older lines",
  searching: (to: string) => `Searched back to ${to}`,
  searched: "That is all there is.",
  empty: "No line says anything of that.",
  emptyHint: "Search for less: another person, a longer time, everything that happened.",
  chain: {
    whole: (n: number) => `The chain holds: each of ${n} lines names the one before it, and the end is the one that was written last.`,
    checking: (n: number, part: number) => `The chain is being checked: ${n} lines so far, ${part} %.`,
    broken: (n: number) => (n === 1 ? "The log was changed: one line is broken." : `The log was changed: ${n} lines are broken.`),
    brokenRemedy: "Somebody has written into the file audit.log, or a power cut tore a line. custos audit verify names each line; compare with a backup, and ask who may write there.",
    line: (n: number, whyNot: string) => `Line ${n}: ${whyNot}`,
    last: "Last hash. Kept elsewhere, it shows later that nothing was cut off or written anew",
  },
};
