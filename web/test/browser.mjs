// SPDX-License-Identifier: GPL-3.0-or-later
// What the tests of the pages share: Chromium as Debian has it, on a running site, the page's certificate known by its key alone (so a wrong one
// fails here too). What the page says in the console as an error, throws, or what its Content-Security-Policy stops fails the test.
//
//   import { inBrowser, signIn } from "./browser.mjs";
//   await inBrowser(async ({ page, given }) => { await signIn(page, given); ...; return { seen: 3 }; });
//
// test/lib/browser.py starts it: `given` is what it wrote into standard input, what is returned goes back to it.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

export async function inBrowser(run) {
  const given = JSON.parse(readFileSync(0, "utf8"));
  const browser = await chromium.launch({
    executablePath: given.chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--autoplay-policy=no-user-gesture-required", `--ignore-certificate-errors-spki-list=${given.spki}`],
  });
  const wrong = [];
  const expected = []; // regular expressions of errors that the test means to make
  try {
    const context = await browser.newContext({ viewport: given.phone ? PHONE : DESK, hasTouch: !!given.phone, colorScheme: given.light ? "light" : "dark", acceptDownloads: true, baseURL: given.origin });
    const open = async () => {
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      page.on("console", (m) => m.type() === "error" && wrong.push(m.text()));
      page.on("pageerror", (e) => wrong.push(String(e)));
      return page;
    };
    const page = await open();
    let said;
    try {
      said = await run({ page, given, browser, context, open, expect: (pattern) => expected.push(pattern) });
    } catch (why) {
      if (given.shots) await page.screenshot({ path: `${given.shots}/failed.png` }).catch(() => {});
      throw new Error(`${why.stack ?? why}\nconsole: ${wrong.join("\n")}\nthe page: ${(await page.innerText("body").catch(() => "")).slice(0, 2000)}`);
    }
    const bad = wrong.filter((text) => !expected.some((e) => e.test(text)));
    if (bad.length) throw new Error(`the page said: ${bad.join("\n")}`);
    process.stdout.write(JSON.stringify(said ?? {}) + "\n");
  } finally {
    await browser.close();
  }
}

// From whatever the page shows first to behind the sign-in. The browser logs the 401 that says that nobody is signed in.
export async function signIn(page, given, path = "/") {
  await page.goto(path);
  await page.getByLabel("Name", { exact: true }).fill(given.person);
  await page.getByLabel("Password", { exact: true }).fill(given.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
}

export async function signOut(page, given) {
  await page.getByRole("button", { name: `${given.person}: ` }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
}

export const unauthorized = /status of 401/;

export function check(condition, text) {
  if (!condition) throw new Error(text);
}

export const phone = (page) => page.setViewportSize(PHONE);

// Nothing is wider than the window.
export async function noOverflow(page, where) {
  const wide = await page.evaluate(() => ({ scrollWidth: document.scrollingElement.scrollWidth, clientWidth: document.scrollingElement.clientWidth }));
  check(wide.scrollWidth <= wide.clientWidth, `${where}: ${wide.scrollWidth} wide in a window of ${wide.clientWidth}`);
}

// axe-core: nothing serious or critical on what is shown.
export async function accessible(page, where) {
  const source = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
  const session = await page.context().newCDPSession(page); // beside the page's Content-Security-Policy, which lets no script of ours in
  await session.send("Runtime.evaluate", { expression: source });
  const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations);
  const bad = found.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html).join(" | ")}`);
  check(bad.length === 0, `${where}: ${bad.join("\n")}`);
}
