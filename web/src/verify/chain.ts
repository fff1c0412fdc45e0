// SPDX-License-Identifier: GPL-3.0-or-later
// The order of the seals in an export (docs/spec/seal.md sections 3 and 4).
import { GAP_CAUSES, UNKNOWN, type Seal } from "./seal.js";
import type { Item } from "./verify.js";

export interface Link {
  seal: Seal | null; // null: it cannot be trusted, and explains a hole
}

const span = (s: Seal) => ({ from: s.first, to: s.last });

function judgeStep(before: Seal, s: Seal, hole: boolean): Item | null {
  if (s.previous.hash === before.hash) {
    const straight = s.epoch === before.epoch && s.sequence === before.sequence + 1n;
    return straight || s.gaps.length ? null : { kind: "foreign", text: "numbers are left out, and no gap says why", ...span(s) };
  }
  if (s.epoch === before.epoch && s.sequence <= before.sequence)
    return { kind: "reordered", text: "it stands behind a later one", ...span(s) };
  return hole ? null : { kind: "removed", text: "the chain names fragments that are not there", from: before.last, to: s.first };
}

function gapsOf(s: Seal): Item[] {
  return s.gaps.filter((g) => g.from !== UNKNOWN).map((g) => ({ kind: "gap", text: GAP_CAUSES[g.cause]!, from: g.from, to: g.to }));
}

export function judgeChain(links: Link[]): Item[] {
  const items: Item[] = [];
  const seen = new Set<string>();
  const named = new Map<string, string>(); // previous hash to who names it
  let before: Seal | null = null;
  let hole = false;
  for (const { seal } of links) {
    if (!seal) {
      hole = true;
      continue;
    }
    if (seen.has(seal.hash)) {
      items.push({ kind: "duplicated", text: "it is there twice", ...span(seal) });
      continue;
    }
    seen.add(seal.hash);
    if (named.has(seal.previous.hash)) items.push({ kind: "foreign", text: "a second history: two go on from the same one", ...span(seal) });
    named.set(seal.previous.hash, seal.hash);
    const wrong = before && judgeStep(before, seal, hole);
    if (wrong) items.push(wrong);
    items.push(...gapsOf(seal));
    before = seal;
    hole = false;
  }
  return items;
}
