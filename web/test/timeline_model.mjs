// SPDX-License-Identifier: GPL-3.0-or-later
// node timeline_model.mjs COMPILED, with TZ=Europe/Berlin: what the timeline computes, and where of the day a picture is.
import { deepStrictEqual as same, ok, strictEqual as is, throws } from "node:assert";
import { pathToFileURL } from "node:url";

const compiled = process.argv[2];
const model = await import(pathToFileURL(`${compiled}/timeline/model.js`).href);
const { Pieces } = await import(pathToFileURL(`${compiled}/media/pieces.js`).href);
const { Splitter, stretch, withoutSound } = await import(pathToFileURL(`${compiled}/media/fragment.js`).href);
const { DAY, Fetched, SPAN_MAX, SPAN_MIN, at, bounded, clockChanges, following, gapFrom, moved, ticks, tilesOf, timeAt, xOf, zoomed } = model;
const HOUR = DAY / 24;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const of = (text) => Date.parse(text);
const texts = (from, to, width = 1000) => ticks({ from: of(from), to: of(to) }, width, months).map((t) => t.text);
let tests = 0;
const test = (name, run) => {
  try {
    run();
    tests++;
  } catch (why) {
    throw new Error(`${name}: ${why.message}`);
  }
};
const now = of("2026-11-23T12:00:00Z");

test("from 90 days to ten frames, about the pointer", () => {
  let view = { from: now - DAY, to: now };
  const about = now - 0.3 * DAY;
  const x = xOf(view, 800, about);
  while (view.to - view.from > SPAN_MIN) {
    const before = view.to - view.from;
    view = zoomed(view, 0.5, about, now);
    ok(Math.abs(xOf(view, 800, about) - x) < 0.01, `it stays under the pointer: ${xOf(view, 800, about)} ${x}`);
    ok(view.to - view.from < before);
  }
  is(view.to - view.from, SPAN_MIN);
  for (let i = 0; i < 60; i++) view = zoomed(view, 2, about, now);
  is(view.to - view.from, SPAN_MAX);
  ok(view.to <= now + SPAN_MAX * 0.25 + 1, "little of the future");
});

test("the future ends soon", () => {
  const view = moved({ from: now - HOUR, to: now }, 30 * DAY, now);
  is(view.to - view.from, HOUR);
  is(view.to, now + HOUR * 0.25);
  same(bounded({ from: 0, to: DAY }, now), { from: 0, to: DAY });
  const past = { from: now - 2 * HOUR, to: now - HOUR };
  is(following(past, now - 1.5 * HOUR, now), past, "what is well within stays");
  const after = following(past, now - HOUR, now);
  ok(after.from > past.from && after.to > now - HOUR && after.to - after.from === HOUR, "it moves on with what is played");
  const far = following(past, now - DAY, now);
  is((far.from + far.to) / 2, now - DAY);
});

test("pixels and times", () => {
  const view = { from: 1000, to: 3000 };
  is(timeAt(view, 500, xOf(view, 500, 1234)), 1234);
});

test("tiles", () => {
  for (let span = SPAN_MIN; span <= SPAN_MAX; span *= 1.7) {
    const view = { from: now - span - 12345, to: now - 12345 };
    const tiles = tilesOf(view, now);
    ok(tiles.length >= 1 && tiles.length <= 6, `${tiles.length} tiles of ${span} ms`);
    ok(tiles[0].from <= view.from && tiles[tiles.length - 1].to >= view.to, "they cover it");
    tiles.forEach((t, i) => i && is(t.from, tiles[i - 1].to));
    ok((view.to - view.from) / (tiles[0].to - tiles[0].from) >= 1 || tiles[0].level === 0, "a view has 500 parts or more");
  }
  is(tilesOf({ from: now - HOUR, to: now + HOUR }, now).every((t) => t.from < now), true, "nothing is asked of the future");
});

test("what was fetched is kept, joined over tiles, and asked again while it grows", () => {
  const store = new Fetched();
  const view = { from: now - 65_000, to: now - 45_000 };
  const [first, second] = store.wanted(view, now);
  is(first.to, second.from);
  store.put(first, { ranges: [{ from: first.from + 5000, to: first.to }], gaps: [{ from: first.from + 1000, to: first.from + 5000, cause: "disk" }], locks: [{ from: first.to - 1000, to: first.to }] }, now);
  let parts = store.parts({ from: first.from, to: first.to }, now);
  same(parts.ranges, [{ from: first.from + 5000, to: first.to }]);
  store.put(second, { ranges: [{ from: second.from, to: second.from + 2000 }], gaps: [{ from: second.from + 2000, to: second.to, cause: "camera lost" }], locks: [{ from: second.from, to: second.from + 10 }] }, now);
  parts = store.parts({ from: first.from, to: second.to }, now);
  same(parts.ranges, [{ from: first.from + 5000, to: second.from + 2000 }], "one range over two tiles");
  is(parts.gaps.length, 2, "two causes stay two gaps");
  same(parts.locks, [{ from: first.to - 1000, to: second.from + 10 }]);
  is(store.wanted({ from: first.from, to: second.to }, now + 1000).length, 0, "kept");
  same(store.wanted({ from: first.from, to: second.to }, now + 5000), [second], "asked again: it ended less than a minute before");
  store.put(first, { ranges: [], gaps: [], locks: [] }, first.to + 100_000);
  is(store.wanted({ from: first.from, to: first.to }, first.to + 200_000).length, 0, "what is over is kept for longer");
  const closer = { from: first.from + 5000, to: first.from + 8000 };
  same(store.parts(closer, now).known, tilesOf(closer, now).length ? [{ from: tilesOf(closer, now)[0].from, to: tilesOf(closer, now).at(-1).to }] : [], "closer, what the coarser tile says stands in");
});

test("what is at a time", () => {
  const parts = { ranges: [{ from: 0, to: 100 }, { from: 200, to: 300 }], gaps: [{ from: 100, to: 200, cause: "disk" }, { from: 300, to: 310, cause: "overload" }, { from: -50, to: 0, cause: "start" }], locks: [{ from: 250, to: 260 }] };
  same(at(parts, 50), { recorded: true, gap: null, locked: false });
  is(at(parts, 150).gap.cause, "disk");
  is(at(parts, 255).locked, true);
  is(at(parts, 312).gap, null);
  is(at(parts, 312, 5).gap.cause, "overload", "a narrow gap is hit from beside it");
  is(at(parts, -20).gap, null, "before the recording began nothing is missing");
  is(gapFrom(parts, 50, 1).cause, "disk");
  is(gapFrom(parts, 100, 1).cause, "overload");
  is(gapFrom(parts, 300, -1).cause, "disk");
  is(gapFrom(parts, 50, -1), null);
});

test("the ruler by the device's clock", () => {
  same(texts("2026-11-23T12:00:00Z", "2026-11-23T12:00:10Z").slice(0, 3), ["13:00:00", "13:00:01", "13:00:02"]);
  same(texts("2026-11-23T12:00:00Z", "2026-11-23T12:00:00.400Z").slice(0, 2), ["13:00:00.000", "13:00:00.040"]);
  same(texts("2026-11-22T20:00:00Z", "2026-11-23T04:00:00Z", 800).slice(0, 4), ["21:00", "22:00", "23:00", "23 Nov"]);
  const days = texts("2026-09-01T00:00:00Z", "2026-11-30T00:00:00Z", 1200);
  ok(days.length > 5 && days.length < 15 && days.every((d) => /^\d+ (Sep|Oct|Nov)$/.test(d)), days.join());
  same(texts("2026-01-10T00:00:00Z", "2026-04-10T00:00:00Z", 250), ["Feb 2026", "Mar 2026", "Apr 2026"]);
  for (let span = SPAN_MIN; span <= SPAN_MAX; span *= 1.3) {
    const view = { from: now - span, to: now };
    const all = ticks(view, 1000, months);
    ok(all.length >= 1 && all.length <= 13, `${all.length} ticks of ${span} ms`);
    all.forEach((t, i) => i && ok(xOf(view, 1000, t.at) - xOf(view, 1000, all[i - 1].at) > 50, `${span}: ${all[i - 1].text} ${t.text}`));
  }
});

test("daylight saving begins: an hour is not there", () => {
  const from = "2026-03-28T23:30:00Z"; // 00:30; at 01:00Z 02:00 becomes 03:00
  same(texts(from, "2026-03-29T04:30:00Z", 500), ["01:00 +1", "03:00 +2", "04:00 +2", "05:00 +2", "06:00 +2"]);
  const [change] = clockChanges({ from: of(from), to: of("2026-03-29T04:30:00Z") });
  same(change, { at: of("2026-03-29T01:00:00Z"), before: "UTC+1", after: "UTC+2" });
  same(texts("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", 800).filter((t) => !t.includes(":")), ["29 Mar", "30 Mar"]);
});

test("daylight saving ends: an hour comes twice", () => {
  same(texts("2026-10-24T22:30:00Z", "2026-10-25T03:30:00Z", 500), ["01:00 +2", "02:00 +2", "02:00 +1", "03:00 +1", "04:00 +1"]);
  is(clockChanges({ from: of("2026-10-25T05:00:00Z"), to: of("2026-10-26T00:00:00Z") }).length, 0);
  const list = ticks({ from: of("2026-10-24T00:00:00Z"), to: of("2026-10-27T00:00:00Z") }, 400, months);
  ok(list.filter((t) => t.major).every((t) => new Date(t.at).getHours() === 0), "days begin at midnight");
  is(list.find((t) => t.text === "26 Oct").at - list.find((t) => t.text === "25 Oct").at, 25 * HOUR);
});

// --- where of the day a picture is ---

const piece = (wall, media, seconds, cause = null) => ({ wall, media, end: media + seconds, frames: [0, 1, 2, 3].map((i) => media + (i * seconds) / 4), cause });

test("footage, gaps and what is not there", () => {
  const p = new Pieces(10_000);
  same(p.place(9000), { kind: "before" });
  same(p.place(11_000), { kind: "behind" });
  p.add(piece(10_020, 5, 1));
  p.add(piece(11_040, 6, 1)); // arrivals jitter
  p.add(piece(20_000, 7, 1, "camera lost"));
  same(p.place(10_000), { kind: "footage", media: 5 });
  same(p.place(10_530), { kind: "footage", media: 5.5 });
  is(p.place(11_039.99).media > 5.999, true, "as far as the next one");
  same(p.place(11_040), { kind: "footage", media: 6 });
  same(p.place(15_000), { kind: "gap", hole: { from: 12_040, to: 20_000, cause: "camera lost" } });
  same(p.place(20_250), { kind: "footage", media: 7.25 });
  same(p.place(21_000), { kind: "behind" });
  is(p.wallOf(5.5), 10_530);
  is(p.wallOf(7.25), 20_250);
  is(p.wallOf(99), 21_000);
  is(p.holes().length, 1);
  same(p.holeBefore(30_000, null), { from: 21_000, to: 30_000, cause: "unknown" });
  is(p.holeBefore(21_200, "disk"), null);
});

test("what came too soon: every time of day is one picture's", () => {
  const p = new Pieces(0);
  for (const [i, wall] of [0, 700, 1900, 2950, 2960, 9000].entries()) p.add(piece(wall, i, 1, i === 5 ? "disk" : null));
  let before = -1;
  for (let media = 0; media < 6; media += 0.01) {
    const wall = p.wallOf(media);
    ok(wall > before, `it ascends: ${before} ${wall}`);
    before = wall;
    const back = p.place(wall);
    is(back.kind, "footage");
    ok(Math.abs(back.media - media) < 1e-6, `there and back: ${media} ${back.media}`);
  }
  is(p.holes().length, 1);
});

test("frames, one by one over a gap", () => {
  const p = new Pieces(0);
  p.add(piece(0, 1, 1));
  p.add(piece(60_000, 2, 1, "disk"));
  is(p.frameAt(1.3), 1.25);
  is(p.nextFrame(1.3), 1.5);
  is(p.nextFrame(1.75), 2);
  is(p.previousFrame(2.1), 1.75);
  is(p.previousFrame(1.1), null);
  is(p.nextFrame(2.75), null);
  p.drop(2.5);
  is(p.from, 60_000);
  same(p.place(500), { kind: "before" });
});

// --- the byte stream ---

const box = (type, ...inside) => {
  const body = Buffer.concat(inside);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
};
const u32 = (...all) => Buffer.concat(all.map((n) => { const b = Buffer.alloc(4); b.writeInt32BE(n | 0); return b; }));
const trak = (id, handler, timescale) =>
  box("trak", box("tkhd", u32(0, 0, 0, id, 0)), box("mdia", box("mdhd", u32(0, 0, 0, timescale, 0)), box("hdlr", u32(0, 0), Buffer.from(handler), u32(0))));
const header = Buffer.concat([box("ftyp", Buffer.from("iso6")), box("moov", trak(1, "vide", 1000), trak(2, "soun", 8000), box("mvex", box("trex", u32(0, 1)), box("trex", u32(0, 2))))]);
const traf = (id, time, ...samples) => box("traf", box("tfhd", u32(0x020000, id)), box("tfdt", u32(0x01000000, 0, time)), box("trun", u32(0x01000f01, samples.length, 0), ...samples.map(([d, shift = 0]) => u32(d, 1, 0, shift))));
const fragment = (...trafs) => Buffer.concat([box("moof", box("mfhd", u32(0, 1)), ...trafs), box("mdat", Buffer.alloc(300))]);

test("the stream is cut at headers and fragments, however its bytes come", () => {
  const stream = Buffer.concat([header, fragment(traf(1, 2000, [40, 80], [40, 0], [40, 40]), traf(2, 16000, [960])), fragment(traf(1, 2120, [40]))]);
  for (const size of [1, 7, 100, stream.length]) {
    const splitter = new Splitter();
    const found = [];
    for (let i = 0; i < stream.length; i += size) found.push(...splitter.push(new Uint8Array(stream.subarray(i, i + size))));
    same(found.map((f) => f.kind), ["header", "fragment", "fragment"]);
    is(found.reduce((n, f) => n + f.bytes.length, 0), stream.length);
    same(found[0].tracks, [{ id: 1, video: true, timescale: 1000 }, { id: 2, video: false, timescale: 8000 }]);
    same([found[1].start, found[1].end], [2.04, 2.12]);
    same(found[1].frames, [2.04, 2.08, 2.12].map((f, i) => [2.04, 2.08, 2.12][i]), "by the time that they are shown");
    is(found[1].only, null);
    stretch(found[2], 1);
    is(found[2].end, 3.12);
    is(Buffer.from(found[2].bytes).indexOf(u32(1000)) > 0, true, "it says so itself");
  }
});

test("without sound, and what is malformed", () => {
  const [whole] = new Splitter().push(new Uint8Array(header));
  const quiet = withoutSound(whole);
  same(quiet.tracks.map((t) => t.id), [1]);
  is(Buffer.from(quiet.bytes).toString("latin1").match(/trak/g).length, 1);
  throws(() => new Splitter().push(new Uint8Array(u32(4, 0))));
  throws(() => new Splitter().push(new Uint8Array(u32(0x7fffffff, 0x6d6f6f66))));
  throws(() => new Splitter().push(new Uint8Array(box("moov", u32(99, 0)))));
  const splitter = new Splitter();
  splitter.push(new Uint8Array(header));
  throws(() => splitter.push(new Uint8Array(Buffer.concat([box("moof", box("traf", box("tfhd", u32(0, 1)), box("tfdt", u32(0, 0)), box("trun", u32(0xf01, 1000, 0)))), box("mdat")]))));
});

process.stdout.write(`${tests} tests\n`);
