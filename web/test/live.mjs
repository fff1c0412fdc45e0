// SPDX-License-Identifier: GPL-3.0-or-later
// The wall of cameras: pictures move, one is enlarged and small again without a jump, keys choose, what is not seen says why, a phone, and the
// session's end. The first load is weighed.
import { execFileSync } from "node:child_process";
import { accessible, check, inBrowser, noOverflow, phone, signIn, unauthorized } from "./browser.mjs";

const tile = (page, name) => page.locator(`[data-camera="${name}"]`);

// Of the picture that is seen.
const frames = (page, name) => tile(page, name).evaluate((t) => [...t.querySelectorAll("video")].reduce((n, v) => n + v.getVideoPlaybackQuality().totalVideoFrames, 0));

async function advances(page, name, least = 5) {
  const before = await frames(page, name);
  await page.waitForFunction(([n, from, more]) => [...document.querySelectorAll(`[data-camera="${n}"] video`)].reduce((sum, v) => sum + v.getVideoPlaybackQuality().totalVideoFrames, 0) >= from + more, [name, before, least]);
}

const boxes = (page) => page.evaluate(() => [...document.querySelectorAll(".live-cell")].map((c) => { const r = c.getBoundingClientRect(); return [r.x, r.y, r.width, r.height].join(); }));

async function closeBehind(page) {
  const behind = await tile(page, "street").evaluate((t) => { const v = t.querySelector("video"); return v.buffered.end(v.buffered.length - 1) - v.currentTime; });
  check(behind > 0 && behind < 3, `the picture is that of now: ${behind} s behind`);
  return behind;
}

// H.265: seen where the browser has a decoder, else transcoded, which is said; without a transcoder why not is said.
async function foreign(page, given) {
  const desk = tile(page, "desk");
  const plays = await page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L90.90"'));
  if (!plays && !given.transcodes) return desk.getByText("This browser does not play hvc1").waitFor();
  await advances(page, "desk", 10);
  check((await desk.getByText("Transcoded").count()) === (plays ? 0 : 1), "what is transcoded says so, and nothing else does");
}

async function unseen(page) {
  await tile(page, "gate").getByText("Not seen").waitFor();
  await tile(page, "gate").getByText(/refused/).waitFor();
  await tile(page, "gate").getByText(/port/).first().waitFor(); // the remedy
  await page.getByText("1 not seen").waitFor();
}

async function enlarge(page) {
  const before = await boxes(page);
  await page.getByRole("button", { name: "Enlarge street" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/?camera=street");
  const size = await tile(page, "street").evaluate((t) => t.getBoundingClientRect().width / t.closest(".live-grid").getBoundingClientRect().width);
  check(size === 1, `it fills the grid: ${size}`);
  check((await tile(page, "street").getAttribute("data-seen")) !== null, "what was seen goes on while it grows");
  await page.waitForFunction(() => { const v = document.querySelectorAll('[data-camera="street"] video')[1]; return v && !v.hidden && v.videoWidth > 0; }); // the main stream
  await advances(page, "street");
  await accessible(page, "one enlarged");
  await page.getByRole("button", { name: "Sound" }).click();
  check(await page.evaluate(() => !document.querySelectorAll('[data-camera="street"] video')[1].muted), "its sound is heard");
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => url.search === "");
  check((await boxes(page)).join() === before.join(), "nothing else has moved");
  await advances(page, "street");
}

async function keys(page) {
  const count = () => page.locator(".live-cell").count();
  await page.keyboard.press("1");
  await page.waitForFunction(() => document.querySelectorAll(".live-cell").length === 1);
  await page.getByText("Page 1 of 3").waitFor();
  await page.keyboard.press("PageDown");
  await page.getByText("Page 2 of 3").waitFor();
  await page.keyboard.press("2");
  await page.waitForFunction(() => document.querySelectorAll(".live-cell").length === 3);
  await page.keyboard.press("/");
  await page.keyboard.type("stre");
  check((await count()) === 1, "the search leaves what it finds");
  await page.keyboard.press("Escape");
  check((await count()) === 3, "and lets go of it");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("Search a camera").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("3");
  await page.reload();
  await page.getByRole("radio", { name: "9 pictures" }).waitFor();
  check(await page.getByRole("radio", { name: "9 pictures" }).isChecked(), "the layout is kept");
}

// What is off screen is closed after 5 s, and comes back.
async function offScreen(page) {
  await page.evaluate(() => { document.querySelector('[data-camera="street"]').style.transform = "translateX(-9999px)"; });
  await page.waitForFunction(() => !document.querySelector('[data-camera="street"] video').currentSrc || !document.querySelector('[data-camera="street"] video').hasAttribute("src"), null, { timeout: 12_000 });
  await page.evaluate(() => { document.querySelector('[data-camera="street"]').style.transform = ""; });
  await advances(page, "street");
}

// A tab that was busy for 4 s shows now, not then, and says what is missing.
async function skips(page) {
  await page.evaluate(() => { for (const until = Date.now() + 4000; Date.now() < until; ); });
  await tile(page, "street").getByText(/^Skipped [2-6] s$/).waitFor();
  await closeBehind(page);
}

// A camera that sends nothing more: nobody takes the last picture for that of now.
async function standsStill(page, given) {
  process.kill(given.edge, "SIGSTOP");
  await tile(page, "street").getByText("Stands still").or(tile(page, "street").getByText("Not seen")).first().waitFor();
  process.kill(given.edge, "SIGCONT");
  await tile(page, "street").getByText("Stands still").waitFor({ state: "detached" });
  await advances(page, "street");
}

async function revoked(page, given) {
  await page.goto("/?camera=street");
  await advances(page, "street");
  const began = Date.now();
  execFileSync(given.custos, ["session", "revoke", "--person", given.person, "--state", given.state]);
  await page.getByText("Your session has ended").waitFor({ timeout: 10_000 });
  check((await page.locator("video").count()) === 0, "no picture is left");
  const cut_ms = Date.now() - began;
  await signIn(page, given, page.url());
  check(page.url().endsWith("/?camera=street"), `back to what was watched: ${page.url()}`);
  await advances(page, "street");
  return cut_ms;
}

await inBrowser(async ({ page, given, expect }) => {
  expect(unauthorized);
  expect(/WebSocket connection to .*(as=h264|401|Authentication|ERR_)/);
  const packed = [];
  page.on("requestfinished", (r) => {
    if (["document", "script", "stylesheet", "image", "font"].includes(r.resourceType()) && r.url().startsWith("https:")) packed.push(r.sizes().then((s) => s.responseBodySize));
  });
  await signIn(page, given);
  await tile(page, "street").and(page.locator("[data-seen]")).waitFor();
  const first_load = (await Promise.all(packed)).reduce((a, b) => a + b, 0);
  check(first_load > 10_000 && first_load < 150 * 1024, `the first load has ${first_load} bytes packed, at most 150 KB`);
  await advances(page, "street");
  const behind_s = await closeBehind(page);
  await unseen(page);
  await foreign(page, given);
  await accessible(page, "the grid");
  await enlarge(page);
  await keys(page);
  await phone(page);
  await noOverflow(page, "the grid on a phone");
  await accessible(page, "the grid on a phone");
  await page.setViewportSize({ width: 1280, height: 800 });
  await offScreen(page);
  await skips(page);
  await standsStill(page, given);
  return { first_load, behind_s, cut_ms: await revoked(page, given) };
});
