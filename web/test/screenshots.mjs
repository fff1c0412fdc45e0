// SPDX-License-Identifier: GPL-3.0-or-later
// Every page that is asked for, as it is once it has settled. Started by tools/screenshots.py.
import { inBrowser, signIn } from "./browser.mjs";

const nameOf = (path) => (path === "/" ? "live" : path.replaceAll("/", " ").trim().replaceAll(" ", "-"));

// No more waits, nothing is on its way, and what lives has a picture.
async function settled(page) {
  await page.waitForLoadState("networkidle").catch(() => {});
  await page.waitForFunction(() => !document.querySelector(".spinner, [aria-busy=true]"), null, { timeout: 10_000 }).catch(() => {});
  await page.waitForFunction(() => [...document.querySelectorAll("video")].every((v) => !v.currentSrc || v.readyState >= 2), null, { timeout: 10_000 }).catch(() => {});
  await page.waitForTimeout(1500);
}

await inBrowser(async ({ page, given, expect }) => {
  expect(/./); // pictures of what there is; the tests of the pages judge it
  const shoot = async (path) => {
    await settled(page);
    await page.screenshot({ path: `${given.folder}/${nameOf(path)}-${given.look}.png` });
  };
  const open = given.pages.filter((p) => p === "/setup" || p === "/sign-in");
  for (const path of open) {
    await page.goto(path);
    await shoot(path);
  }
  if (open.length < given.pages.length) await signIn(page, given);
  for (const path of given.pages.filter((p) => !open.includes(p))) {
    await page.goto(path === "/camera/" ? `/camera/${given.camera}` : path);
    await shoot(path);
  }
  return {};
});
