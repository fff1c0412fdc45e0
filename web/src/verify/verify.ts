// SPDX-License-Identifier: GPL-3.0-or-later
// Is an export what a recorder sealed? Written from docs/spec/{evidence,seal,vault}.md, apart from the program in C: where the two differ, one of them
// or the specification is wrong. All of it happens here: nothing of the file is sent anywhere. It is read in pieces, a fragment at a time.
import { Malformed, Reader, concat, equal, firstDifference, hex, type Bytes } from "./bytes.js";
import { judgeChain, type Link } from "./chain.js";
import { BOX_HEADER, findEvidence, hasTrack, readEvidence, sampleBytes, writeEvidence, type Evidence, type EvidenceFragment, type EvidenceSegment } from "./evidence.js";
import { samplesOf, type Sample } from "./fragment.js";
import { writeFront } from "./front.js";
import { commitment, counter, importCounterKey, importVerifyKey, sha256, signatureGood } from "./hash.js";
import { breathe } from "./pace.js";
import { signedBytes } from "./seal.js";
import type { Source } from "./source.js";
import { issuedBy, parseCertificate, validAt, type Certificate } from "./x509.js";

export type Kind = "edited" | "removed" | "reordered" | "duplicated" | "truncated" | "foreign" | "key not trusted" | "gap" | "too large";

export interface Item {
  kind: Kind;
  text: string;
  from: bigint | null; // microseconds since 1970, of the footage; null: all of it
  to: bigint | null;
}

export interface Verdict {
  verdict: "authentic" | "not authentic" | "cannot tell";
  items: Item[];
  fingerprint: string; // of the site that the file names; "" where none can be read
  stream: string;
  recorder: string;
  from: bigint | null; // first and last arrival
  to: bigint | null;
  fragments: number;
}

interface Signer {
  key: CryptoKey;
  seal: Certificate;
  chain: Certificate[];
  sound: boolean; // signatures and roles of the chain
}

const everything = { from: null, to: null };
const EVIDENCE_MAX = 128 << 20; // bytes; of a day of one camera
const FRAGMENT_MAX = 64 << 20; // a recorder writes 48 MiB at most
const PIECE = 4 << 20;

async function readSigner(s: EvidenceSegment): Promise<Signer> {
  const chain = await Promise.all(s.header.head.certificates.map(parseCertificate));
  const [seal, issuer, root] = chain as [Certificate, Certificate, Certificate];
  const sound = !seal.ca && seal.uris.includes(s.header.head.recorder) && (await issuedBy(seal, issuer)) && (await issuedBy(issuer, root)) && (await issuedBy(root, root));
  return { key: await importVerifyKey(seal.spki), seal, chain, sound };
}

// A sample as it was stored: protected ranges encrypted again, in one run of the counter.
async function encryptSample(key: CryptoKey, s: Sample, clear: Bytes): Promise<Bytes> {
  if (!s.ranges.length) return counter(key, s.iv, clear);
  const parts: Bytes[] = [];
  let at = 0;
  for (const r of s.ranges) {
    parts.push(clear.subarray(at + r.clear, at + r.clear + r.hidden));
    at += r.clear + r.hidden;
  }
  const hidden = await counter(key, s.iv, concat(...parts));
  const stored = clear.slice();
  let from = 0;
  at = 0;
  for (const r of s.ranges) {
    stored.set(hidden.subarray(from, from + r.hidden), at + r.clear);
    from += r.hidden;
    at += r.clear + r.hidden;
  }
  return stored;
}

async function storedHash(key: CryptoKey, all: Sample[], clear: Bytes): Promise<Bytes> {
  let at = 0;
  const samples = all.map((s) => {
    at += s.size;
    return encryptSample(key, s, clear.subarray(at - s.size, at));
  });
  return sha256(concat(...(await Promise.all(samples))));
}

const WHAT = { vide: "picture", soun: "sound", meta: "metadata" };

class Inspection {
  readonly items: Item[] = [];
  readonly links: Link[] = [];
  fingerprint = "";
  fragments = 0;

  constructor(readonly file: Source, readonly ev: Evidence, readonly trust: string | null) {}

  private fault(f: EvidenceFragment, kind: Kind, text: string): void {
    this.items.push({ kind, text, from: f.seal.first, to: f.seal.last });
  }

  private async checkStored(s: EvidenceSegment, f: EvidenceFragment, headerHash: Bytes): Promise<string | null> {
    if (!equal(f.seal.headerHash, headerHash)) return "the segment's header is not the sealed one";
    if (f.seal.moofBytes !== f.moof.length || !equal(await sha256(f.moof), f.seal.moofHash)) return "the fragment's tables are not the sealed ones";
    if (f.layout.sequence !== f.seal.fragment) return "tables and seal have different numbers";
    if (!equal(await commitment(s.key, f.seal.kid, f.seal.stream), f.seal.commitment)) return "the key is not the one that was sealed";
    return null;
  }

  private async checkSamples(s: EvidenceSegment, f: EvidenceFragment, key: CryptoKey, at: number): Promise<void> {
    for (const [i, run] of f.layout.runs.entries()) {
      if (!hasTrack(this.ev, run.id)) continue;
      if (run.bytes > FRAGMENT_MAX) throw new Malformed(`a fragment of ${run.bytes} bytes`);
      const clear = await this.file.read(at, run.bytes);
      if (!equal(await storedHash(key, samplesOf(f.moof, run.id), clear), f.seal.tracks[i]!.hash)) {
        const kind = s.header.tracks.find((t) => t.id === run.id)!.kind;
        this.fault(f, "edited", `the ${WHAT[kind]} is not what was sealed`);
      }
      at += run.bytes;
    }
  }

  private async fragment(s: EvidenceSegment, f: EvidenceFragment, signer: Signer | null, headerHash: Bytes, key: CryptoKey, at: number): Promise<void> {
    this.fragments++;
    const good = signer && hex(f.seal.signer) === signer.seal.fingerprint && (await signatureGood(signer.key, f.seal.signature, signedBytes(f.seal)));
    this.links.push({ seal: good ? f.seal : null });
    if (!good) return this.fault(f, "edited", "a seal was changed: its signature does not hold");
    if (!signer.sound || !signer.chain.every((c) => validAt(c, f.seal.sealed))) this.fault(f, "foreign", "the recorder's certificates do not hold");
    if (f.seal.stream !== s.header.head.stream || !equal(f.seal.kid, s.header.head.kid)) return this.fault(f, "foreign", "a fragment of another segment or camera");
    const wrong = await this.checkStored(s, f, headerHash);
    if (wrong) return this.fault(f, "edited", wrong);
    await this.checkSamples(s, f, key, at);
  }

  // Of the site: one for all of the file, and the one that was given.
  private checkRoot(signer: Signer): void {
    const root = signer.chain[2]!.fingerprint;
    this.fingerprint ||= root;
    if (this.trust !== null && root !== this.trust) this.items.push({ kind: "key not trusted", text: `sealed by a site whose fingerprint is ${root}, not the one given`, ...everything });
    else if (root !== this.fingerprint) this.items.push({ kind: "foreign", text: "sealed by another site than the rest", ...everything });
  }

  async segments(begin: number, end: number, progress: (part: number) => void): Promise<void> {
    let at = begin;
    for (const s of this.ev.segments) {
      const signer = await readSigner(s).catch(() => null);
      const headerHash = await sha256(s.header.stored);
      const key = await importCounterKey(s.key);
      if (signer) this.checkRoot(signer);
      for (const f of s.fragments) {
        await this.fragment(s, f, signer, headerHash, key, at);
        for (const run of f.layout.runs) if (hasTrack(this.ev, run.id)) at += run.bytes;
        progress((at - begin) / (end - begin));
        await breathe();
      }
    }
    this.items.push(...judgeChain(this.links));
  }

  // Whether the file has `made`, and nothing else, between these places.
  private async compare(begin: number, end: number, made: Bytes, what: string): Promise<void> {
    for (let at = begin; at < end || at - begin < made.length; at += PIECE) {
      const found = await this.file.read(at, Math.max(0, Math.min(PIECE, end - at)));
      const wanted = made.subarray(at - begin, at - begin + PIECE);
      if (equal(found, wanted)) continue;
      this.items.push({ kind: "edited", text: `${what}: byte ${at + firstDifference(found, wanted)} is not as it was written`, ...everything });
      return;
    }
  }

  async around(samplesAt: number, evidenceAt: number): Promise<void> {
    await this.compare(0, samplesAt, await writeFront(this.ev), "the file's tables");
    await this.compare(evidenceAt, this.file.size, await writeEvidence(this.ev), "the evidence");
  }
}

function failed(kind: Kind, text: string, verdict: Verdict["verdict"] = "not authentic"): Verdict {
  return { verdict, items: [{ kind, text, ...everything }], fingerprint: "", stream: "", recorder: "", from: null, to: null, fragments: 0 };
}

function conclude(inspection: Inspection): Verdict {
  const { ev, items, trust } = inspection;
  const seals = ev.segments.flatMap((s) => s.fragments.map((f) => f.seal));
  const faulty = items.some((i) => i.kind !== "gap");
  return {
    verdict: faulty ? "not authentic" : trust === null ? "cannot tell" : "authentic",
    items, fingerprint: inspection.fingerprint, stream: ev.segments[0]!.header.head.stream, recorder: ev.segments[0]!.header.head.recorder,
    from: seals.length ? seals.map((s) => s.first).reduce((a, b) => (a < b ? a : b)) : null,
    to: seals.length ? seals.map((s) => s.last).reduce((a, b) => (a > b ? a : b)) : null,
    fragments: inspection.fragments,
  };
}

// given: a whole export. trust: the site's fingerprint (64 hex digits), obtained apart from the file; null: "authentic" is never said. progress: from 0 to 1. Rejects where the
// file cannot be read, or with what `signal` was aborted by.
export async function verifyExport(given: Source, trust: string | null, progress: (part: number) => void = () => undefined, signal?: AbortSignal): Promise<Verdict> {
  const file: Source = {
    size: given.size,
    read: (at, n) => {
      signal?.throwIfAborted();
      return given.read(at, n);
    },
  };
  const evidenceAt = await findEvidence(file);
  if (evidenceAt < 0) return failed("truncated", "there is no evidence in this file: it is no export of Custos, or its end is missing");
  const size = Number(new Reader(await file.read(evidenceAt + 8, 8)).u64());
  if (size > file.size - evidenceAt) return failed("truncated", "the end of the file is missing, and with it part of the evidence");
  if (size > EVIDENCE_MAX) return failed("too large", "there is more evidence in it than a page can hold, of more than a day: custos verify checks it", "cannot tell");
  try {
    if (size < BOX_HEADER) throw new Malformed("the evidence box is too short");
    const ev = await readEvidence(await file.read(evidenceAt + BOX_HEADER, size - BOX_HEADER));
    const samplesAt = evidenceAt - sampleBytes(ev);
    if (samplesAt < 0) return failed("edited", "samples are missing");
    const inspection = new Inspection(file, ev, trust?.toLowerCase() ?? null);
    await inspection.segments(samplesAt, evidenceAt, progress);
    await inspection.around(samplesAt, evidenceAt);
    return conclude(inspection);
  } catch (e) {
    if (!(e instanceof Malformed) && !(e instanceof TypeError)) throw e;
    return failed("edited", `the evidence was changed, nothing can be proved by it: ${e.message}`);
  }
}
