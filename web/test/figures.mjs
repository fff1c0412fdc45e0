// SPDX-License-Identifier: GPL-3.0-or-later
// Figures of the page for the benchmark: from the stamp in a frame (camera, counter, wall clock: the edge role's SEI) to that frame on the screen,
// from a click to the first picture of a live camera, and from a time that is typed to its picture. The page is as it is; its WebSockets and videos are only listened to.
import { inBrowser, signIn, unauthorized } from "./browser.mjs";

// In the page, before anything of it runs. __figures: opened (a WebSocket), frames (shown: wall clock, sent: the stamp's or null).
function listen() {
  const UUID = [0xd3, 0x5a, 0x1e, 0x97, 0x6c, 0x42, 0x4b, 0xe8, 0xa9, 0x31, 0xf6, 0x2d, 0x84, 0x7b, 0xc5, 0x19]; // src/media/stamp.c
  const figures = (window.__figures = { opened: [], frames: [] });
  const wall = (at) => performance.timeOrigin + at;
  const sent = new Map(); // media time in milliseconds -> wall clock of its stamp
  const text = (b, at, n) => String.fromCharCode(...b.subarray(at, at + n));
  const u32 = (b, at) => new DataView(b.buffer, b.byteOffset).getUint32(at);
  const u64 = (b, at) => Number(new DataView(b.buffer, b.byteOffset).getBigUint64(at));

  function* boxes(b, from = 0) {
    for (let at = from; at + 8 <= b.length; at += u32(b, at)) {
      if (at + u32(b, at) > b.length || u32(b, at) < 8) return;
      yield { type: text(b, at + 4, 4), body: b.subarray(at + 8, at + u32(b, at)), whole: u32(b, at) };
    }
  }
  const find = (b, ...path) => path.reduce((in_, type) => in_ && [...boxes(in_)].find((x) => x.type === type)?.body, b);

  function stampOf(mdat) {
    for (let at = mdat.indexOf(UUID[0]); at >= 0; at = mdat.indexOf(UUID[0], at + 1)) {
      if (UUID.every((v, i) => mdat[at + i] === v)) return Number(BigInt(`0x${text(mdat, at + 16 + 17, 16)}`)) / 1000;
    }
    return null;
  }

  class Reader {
    rest = new Uint8Array(0);
    scales = new Map();
    moof = null;
    push(data) {
      const all = new Uint8Array(this.rest.length + data.length);
      all.set(this.rest);
      all.set(data, this.rest.length);
      let used = 0;
      for (const x of boxes(all)) {
        used += x.whole;
        this.take(x);
      }
      this.rest = all.slice(used);
    }
    take({ type, body }) {
      if (type === "moov") {
        for (const trak of boxes(body)) {
          if (trak.type !== "trak" || text(find(trak.body, "mdia", "hdlr"), 8, 4) !== "vide") continue;
          const tkhd = find(trak.body, "tkhd"), mdhd = find(trak.body, "mdia", "mdhd");
          this.scales.set(u32(tkhd, tkhd[0] ? 20 : 12), u32(mdhd, mdhd[0] ? 20 : 12));
        }
      } else if (type === "moof") {
        const tfhd = find(body, "traf", "tfhd"), tfdt = find(body, "traf", "tfdt");
        const scale = this.scales.get(u32(tfhd, 4));
        this.moof = scale ? (tfdt[0] ? u64(tfdt, 4) : u32(tfdt, 4)) / scale : null;
      } else if (type === "mdat" && this.moof !== null) {
        const at = stampOf(body);
        if (at !== null) sent.set(Math.round(this.moof * 1000), at);
      }
    }
  }

  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(url, protocols) {
      super(url, protocols);
      const reader = new Reader();
      sent.clear();
      figures.opened.push({ url: String(url), at: wall(performance.now()), frames: figures.frames.length });
      this.addEventListener("message", (m) => m.data instanceof ArrayBuffer && reader.push(new Uint8Array(m.data)));
    }
  };
  const hear = (video) => {
    const shown = (_, m) => {
      const at = Math.round(m.mediaTime * 1000);
      figures.frames.push({ shown: wall(m.presentationTime), sent: sent.get(at) ?? sent.get(at + 1) ?? sent.get(at - 1) ?? null });
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
  };
  const heard = new WeakSet();
  new MutationObserver(() => document.querySelectorAll("video").forEach((v) => heard.has(v) || (heard.add(v), hear(v)))).observe(document, { childList: true, subtree: true });
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] * 10) / 10;
  return sorted.length ? { n: sorted.length, median: at(0.5), p95: at(0.95), most: at(1) } : { n: 0 };
}

// From what a person does to the first frame of the stream that the page opens for it.
async function firstPicture(page, act, part) {
  const before = await page.evaluate(() => {
    window.__figures.acted = performance.timeOrigin + performance.now();
    return window.__figures.opened.length;
  });
  await act();
  const seen = await page.waitForFunction(([n, part]) => {
    const f = window.__figures;
    const opened = f.opened.slice(n).find((o) => o.url.includes(part));
    const first = opened && f.frames.slice(opened.frames).find((x) => x.shown > opened.at);
    return first ? { at: first.shown - f.acted } : null;
  }, [before, part], { polling: 20, timeout: 20_000 });
  return (await seen.jsonValue()).at;
}

await inBrowser(async ({ page, given, expect }) => {
  expect(unauthorized);
  await page.addInitScript(listen);
  await signIn(page, given);
  await sleep(5000); // what the first seconds do to catch up is not what a guard sees for hours
  const from = await page.evaluate(() => window.__figures.frames.length);
  await sleep(given.seconds * 1000);
  const frames = (await page.evaluate(() => window.__figures.frames)).slice(from);
  const known = frames.filter((f) => f.sent !== null);

  const live = [];
  for (let i = 0; i < given.openings; i++) {
    await page.goto("/people");
    await sleep(1000 + 137 * i); // at another place of the group of pictures each time
    live.push(await firstPicture(page, () => page.getByRole("link", { name: "Live" }).first().click(), "/live"));
  }

  // A seek by the field, paused: what is shown next is the picture that was sought. Each to a place that the page has not.
  await page.goto(`/camera/${given.camera}`);
  await page.locator("video:visible").first().waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("k");
  await sleep(2000);
  const seeks = [];
  const first = Math.ceil(given.begin + 2), last = Math.floor(Date.now() / 1000 - 10);
  for (let i = 0; i < given.seeks; i++) {
    const time = new Date((first + ((i * 17) % (last - first))) * 1000);
    const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace(/:00$/, "");
    seeks.push(await firstPicture(page, () => page.getByLabel("Go to a time").fill(local), "/playback"));
    await sleep(700);
  }
  return { seeks_ms: spread(seeks), frames: frames.length, unknown: frames.length - known.length, latency_ms: spread(known.map((f) => f.shown - f.sent)), live_ms: spread(live) };
});
