// SPDX-License-Identifier: GPL-3.0-or-later
// One camera: live, back in time over a gap whose cause is told, speed, frames, keys, the timeline, what goes to the export, two in step, a phone.
import { accessible, check, inBrowser, signIn, unauthorized } from "./browser.mjs";

const WAIT = 10_000;

// What of a camera is shown: the time of day, what its picture is of, where its player is.
const looks = (page, camera) =>
  page.evaluate((name) => {
    const picture = document.querySelector(`.picture[data-camera="${name}"]`);
    const video = picture?.querySelector("video:not([hidden])");
    if (!video) return {};
    return { at: Date.parse(document.querySelector(".camera-time").dateTime), shown: picture.dataset.shown, text: picture.innerText, media: video.currentTime, rate: video.playbackRate, paused: video.paused, ready: video.readyState };
  }, camera);

// Until what is looked at fulfils it; what was seen last otherwise.
async function until(page, camera, what, fulfils) {
  let seen;
  for (const end = Date.now() + WAIT; Date.now() < end; await page.waitForTimeout(40)) {
    seen = await looks(page, camera);
    if (fulfils(seen)) return seen;
  }
  throw new Error(`not within ${WAIT} ms: ${what}: ${JSON.stringify(seen)}`);
}

// A picture that is decoded, of that time.
const shows = (from, to) => (s) => s.shown === "footage" && s.ready >= 2 && s.at >= from && s.at <= to;

const at = (ms) => new Date(ms).toISOString();

const valueOf = (face, name) => face.getAttribute(name).then(Number);
const spanOf = async (face) => (await valueOf(face, "aria-valuemax")) - (await valueOf(face, "aria-valuemin"));

const took = {}; // milliseconds of each part
let begun = Date.now();
const part = (name) => {
  took[name] = Date.now() - begun;
  begun = Date.now();
};

await inBrowser(async ({ page, given, expect }) => {
  expect(unauthorized);
  expect(/status of (404|503)/); // thumbnails, where no transcoder makes them
  const { from, to } = given.gap; // ms
  await signIn(page, given, "/camera/cars");
  await until(page, "cars", "live pictures", (s) => s.shown === "live" && s.ready >= 2);
  part("live");

  // Over the gap: the picture goes on, its time of day jumps, and why is said.
  await page.goto(`/camera/cars?at=${at(from - 1500)}`);
  const before = await until(page, "cars", "footage before the gap", shows(from - 1600, from));
  const behind = await until(page, "cars", "footage behind the gap", shows(to, to + 3000));
  check(behind.media - before.media < 5 && behind.media > before.media, `the player's own time goes on: ${before.media} ${behind.media}`);
  check(/missing: the camera could not be reached/.test(behind.text), `the cause: ${behind.text}`);
  const later = await until(page, "cars", "time advances", (s) => s.at > behind.at + 500 && s.media > behind.media + 0.4);
  check(!later.paused, "it plays");
  part("over the gap");

  // Pause, frames on and back.
  await page.keyboard.press("k");
  let last;
  const still = await until(page, "cars", "it stands", (s) => { const stands = s.paused && s.ready >= 2 && s.media === last; last = s.media; return stands; });
  await page.keyboard.press("Shift+ArrowRight");
  const next = await until(page, "cars", "a frame on", (s) => s.media > still.media + 0.0005);
  await page.keyboard.press("Shift+ArrowRight");
  const third = await until(page, "cars", "another", (s) => s.media > next.media + 0.01);
  check(Math.abs(third.media - next.media - given.frame) < 0.005, `one frame of ${given.frame} s: ${next.media} ${third.media}`);
  await page.keyboard.press("Shift+ArrowLeft");
  await until(page, "cars", "and back", (s) => Math.abs(s.media - next.media) < 0.002);
  part("frames");

  // Into the gap: its cause stands in the picture, and is spoken.
  await page.keyboard.press("p");
  const gap = await until(page, "cars", "the gap before", (s) => s.shown === "gap");
  check(/No footage here: the camera could not be reached/.test(gap.text) && Math.abs(gap.at - from) < 1500, `its cause: ${gap.text} ${at(gap.at)} ${at(from)}`);
  check(/could not be reached/.test(await page.getByRole("slider", { name: "Timeline" }).getAttribute("aria-valuetext")), "and it is spoken");

  // Faster, by key frames alone at last; backwards over the gap; the beginning.
  await page.keyboard.press("l");
  await page.keyboard.press("l");
  await until(page, "cars", "twice as fast", (s) => s.rate > 1.8 && !s.paused && s.shown === "footage");
  await page.keyboard.press("k");
  await sought(page, given.begin + 500);
  await page.getByRole("combobox", { name: "Speed" }).selectOption("8");
  await page.keyboard.press("Space");
  const fast = await until(page, "cars", "eight times", (s) => s.rate > 7 && !s.paused && s.shown === "footage");
  await until(page, "cars", "eight times as fast", (s) => s.at - fast.at > 2000);
  check(/8×, key frames/.test(await page.locator(".camera-mode").innerText()), "it says so");
  await page.keyboard.press("k");
  part("speed");
  await sought(page, to + 1000);
  await page.keyboard.press("j");
  const back = await until(page, "cars", "backwards, before the gap", (s) => s.shown === "footage" && s.ready >= 2 && s.at < from);
  check(/missing: the camera could not be reached/.test(back.text), `the cause, from behind too: ${back.text}`);
  await page.keyboard.press("Home");
  await until(page, "cars", "the beginning", (s) => s.at >= given.begin - 100 && shows(given.begin - 100, given.begin + 1500)(s));
  await page.keyboard.press("k");
  part("backwards, beginning");
  const seekMs = [];
  for (const time of [to + 3000, from - 2500, to + 2500, from - 1500]) seekMs.push(await sought(page, time));
  part("seeks");

  // The keys; the timeline from days to frames about the pointer, gaps under it, a range for the export.
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keys" });
  check(/J K L/.test(await dialog.innerText()), "the keys are listed");
  await page.keyboard.press("Escape");
  const link = await timeline(page, from, to);
  part("timeline");
  const file = await stillPicture(page);

  // Two in step: one has a gap, the other goes on.
  await sought(page, from - 1500);
  await page.getByRole("button", { name: "Add a camera" }).click();
  await page.getByRole("menuitem", { name: "yard" }).click();
  await until(page, "yard", "both are there", (s) => s.shown === "footage" && s.ready >= 2);
  await page.keyboard.press("l");
  const apart = await until(page, "cars", "one has a gap", (s) => s.shown === "gap");
  check(/could not be reached/.test(apart.text) && apart.at < from + 1500, `its cause, at once: ${apart.text}`);
  const other = await looks(page, "yard");
  await until(page, "yard", "the other goes on", (s) => s.shown === "footage" && s.at > other.at + 700 && s.media > other.media + 0.6);
  await accessible(page, "two cameras in step");
  if (given.shots) await page.screenshot({ path: `${given.shots}/camera-two.png` });
  part("two in step");
  await page.keyboard.press("End");
  await until(page, "cars", "live again", (s) => s.shown === "live");
  await until(page, "yard", "live too", (s) => s.shown === "live");
  await page.getByRole("button", { name: "Take yard away" }).click();
  part("live again");
  await phone(page, given);
  part("phone");
  return { link, seekMs, took, file };
});

// Goes there by the field, which has no seconds where they are 0; how long it took until its picture was there.
async function sought(page, time) {
  const whole = Math.ceil(time / 1000) * 1000;
  const begun = Date.now();
  await page.getByLabel("Go to a time").fill(await page.evaluate((t) => new Date(t - new Date(t).getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace(/:00$/, ""), whole));
  await until(page, "cars", `sought ${at(whole)}`, shows(whole - 50, whole + 1500));
  return Date.now() - begun;
}

// What is saved says in its name and in itself what it is not.
async function stillPicture(page) {
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Still picture" }).click()]);
  check(/^cars_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{3}_not-evidence\.png$/.test(saved.suggestedFilename()), saved.suggestedFilename());
  return saved.path();
}

async function timeline(page, from, to) {
  const face = page.getByRole("slider", { name: "Timeline" });
  const box = await face.boundingBox();
  const y = box.y + box.height - 12;
  await page.mouse.move(box.x + box.width / 2, y);
  for (let i = 0; i < 22 && (await spanOf(face)) < 80 * 86400; i++) await page.mouse.wheel(0, 400);
  check((await spanOf(face)) > 80 * 86400, `months: ${await spanOf(face)} s`);
  await page.getByRole("button", { name: "Closer" }).click();
  check((await spanOf(face)) < 50 * 86400, "closer by a button");

  // A range of a minute around the gap, then: what is under the pointer, and Shift and drag.
  await sought(page, from - 1000);
  const x = async (time) => {
    const [least, most] = [await valueOf(face, "aria-valuemin"), await valueOf(face, "aria-valuemax")];
    return box.x + (box.width * (time / 1000 - least)) / (most - least);
  };
  for (let i = 0; i < 12 && (await spanOf(face)) > 60; i++) {
    await page.mouse.move(await x((from + to) / 2), y);
    await page.mouse.wheel(0, -250);
    await page.waitForTimeout(30);
  }
  const edge = await valueOf(face, "aria-valuemin");
  await page.mouse.move(box.x + 900, y);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, y, { steps: 4 });
  await page.mouse.up();
  check((await valueOf(face, "aria-valuemin")) > edge, "dragged, it moves");
  await page.mouse.move(await x((from + to) / 2), y);
  const tip = page.locator(".timeline-tip");
  await page.waitForFunction(() => /could not be reached/.test(document.querySelector(".timeline-tip")?.innerText ?? ""));
  check(/\d\d:\d\d:\d\d/.test(await tip.innerText()), `its time: ${await tip.innerText()}`);
  const [left, right] = [await x(from - 2000), await x(from - 500)];
  await page.keyboard.down("Shift");
  await page.mouse.move(left, y);
  await page.mouse.down();
  await page.mouse.move((left + right) / 2, y, { steps: 3 });
  await page.mouse.move(right, y, { steps: 3 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  const handle = page.getByRole("slider", { name: "End of the selection" });
  await handle.focus();
  await page.keyboard.press("ArrowRight");
  const link = new URL(await page.getByRole("link", { name: "Export this" }).getAttribute("href"), page.url());
  await accessible(page, "a selection on the timeline");
  // A click seeks, and the view goes down to frames.
  if (page.shots) await page.screenshot({ path: `${page.shots}/camera-range.png` });
  await page.mouse.click(await x(to + 2500), y);
  await until(page, "cars", "a click seeks", shows(to + 1000, to + 4500));
  for (let i = 0; i < 16 && (await spanOf(face)) > 1; i++) await page.keyboard.press("+");
  check((await spanOf(face)) <= 1, `frames: ${await spanOf(face)} s`);
  return { path: link.pathname, stream: link.searchParams.get("stream"), from: link.searchParams.get("from"), until: link.searchParams.get("until") };
}

// The timeline is under the thumb, and nothing is wider than the screen.
async function phone(page, given) {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByRole("button", { name: "Select" }).click();
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide[0] <= wide[1], `no overflow: ${wide}`);
  const box = await page.getByRole("slider", { name: "Timeline" }).boundingBox();
  check(box.y > 400 && box.y + box.height <= 740 - 60, `under the thumb, above the navigation: ${JSON.stringify(box)}`);
  check(box.x >= 0 && box.x + box.width <= 360, `within the screen: ${JSON.stringify(box)}`);
  await accessible(page, "a camera on a phone");
  if (given.shots) await page.screenshot({ path: `${given.shots}/camera-phone.png` });
  const face = page.getByRole("slider", { name: "Timeline" });
  for (let i = 0; i < 16 && (await spanOf(face)) < 120; i++) await page.keyboard.press("-");
  const there = await face.boundingBox(); // what was selected before is not any more, and the page has moved
  await page.mouse.click(there.x + there.width * 0.3, there.y + there.height - 10);
  await until(page, "cars", "back in time by a tap", (s) => s.shown !== "live" && s.shown !== "waiting");
}
