// SPDX-License-Identifier: GPL-3.0-or-later
// Footage taken away, verified, and found in the audit log: export, /verify and /audit as an investigator uses them.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { accessible, check, inBrowser, signIn, unauthorized } from "./browser.mjs";

const PURPOSE = "Case 17/26 <img src=x>"; // what somebody types is shown, and is nothing else

const narrow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

async function verdict(page, word) {
  await page.getByRole("heading", { name: word, exact: true, level: 2 }).waitFor();
}

async function takeAway({ page, context, given }) {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const button = page.getByRole("button", { name: "Make the export" });
  await page.getByText(/are recorded\./).waitFor();
  await page.getByText("None yet").waitFor();
  await accessible(page, "export, before there is one");
  await page.getByLabel("A lawyer").check();
  check(/fingerprint apart/.test(await page.locator(".export-right .export-chosen").innerText()), "the table says what is right for a lawyer");
  await page.getByLabel("Name of who receives it").fill("Kanzlei Nord");
  await page.getByLabel("What for").fill(PURPOSE);
  await button.click();
  const job = page.getByRole("listitem", { name: "cars" });
  await job.getByText("Ready to download").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), job.getByRole("link", { name: "Download" }).click()]);
  await download.saveAs(given.good);
  await job.getByText("Done", { exact: true }).waitFor();
  const hash = createHash("sha256").update(readFileSync(given.good)).digest("hex");
  const said = (await job.innerText()).replace(/\s/g, "");
  check(said.includes(hash) && said.includes(given.fingerprint), `the file's SHA-256 ${hash} and the site's fingerprint to pass on: ${said}`);
  await job.getByRole("button", { name: "Copy: SHA-256 of the file" }).click();
  await page.getByText("Copied.").waitFor();
  check(await page.evaluate(() => navigator.clipboard.readText()) === hash, "what is copied is the whole hash");
  await accessible(page, "export, with one that is done");
  await job.getByRole("link", { name: "Note for the receiver" }).click();
  const note = page.getByRole("article");
  await note.getByText("Kanzlei Nord").waitFor();
  const sheet = (await note.innerText()).replace(/\s/g, "");
  check([hash, given.fingerprint, "custosverify", `${given.origin}/verify`].every((t) => sheet.includes(t)), `the sheet says how to verify: ${sheet}`);
  await accessible(page, "the note");
  await page.emulateMedia({ media: "print" });
  check(await page.locator(".shell-nav").isHidden() && await page.getByRole("button", { name: "Print" }).isHidden(), "only the sheet is printed");
  await page.emulateMedia({ media: "screen" });
  await note.getByRole("link", { name: "Back to the exports" }).click();
}

// What cannot be exported is refused in words, and so is a server that does not answer.
async function refusals({ page, context, expect }) {
  expect(/status of 4\d\d|ERR_INTERNET_DISCONNECTED/);
  await page.getByLabel("What for").fill("nothing");
  await page.getByLabel("Until", { exact: true }).fill("2020-01-01T00:00:07");
  await page.getByText("This is not after the beginning.").waitFor();
  check(await page.getByRole("button", { name: "Make the export" }).isDisabled(), "not before the times are right");
  await page.getByLabel("From", { exact: true }).fill("2019-12-31T23:59:03");
  await page.getByText("Nothing is recorded in this time.").waitFor();
  await page.getByRole("button", { name: "Make the export" }).click();
  const job = page.getByRole("listitem", { name: "cars" }).filter({ hasText: "nothing" });
  await job.getByRole("link", { name: "Download" }).click();
  await job.getByText("Failed", { exact: true }).waitFor();
  const why = await job.getByRole("alert").innerText();
  check(why.split("\n").filter(Boolean).length === 2, `why, and what to do: ${why}`);
  await job.getByRole("button", { name: "Remove" }).click();
  await job.waitFor({ state: "detached" });
  await context.setOffline(true);
  await page.getByRole("button", { name: "Make the export" }).click();
  await page.getByRole("alert").filter({ hasText: "Custos does not answer." }).first().waitFor();
  await context.setOffline(false);
}

function doctor(given) {
  const bytes = readFileSync(given.good);
  bytes[bytes.indexOf("mdat") + 1000] ^= 1; // in the first picture
  writeFileSync(given.bad, bytes);
}

async function drop(page, path) {
  const base64 = readFileSync(path).toString("base64");
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "dropped.mp4", { type: "video/mp4" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, base64);
}

async function verifyFiles({ page, given }) {
  await page.goto("/verify");
  await page.getByRole("button", { name: "Copy: This site's fingerprint" }).waitFor();
  await accessible(page, "verify, without a file");
  const left = [];
  page.on("request", (r) => left.push(`${r.method()} ${new URL(r.url()).pathname} ${r.postDataBuffer()?.length ?? 0}`));
  const file = page.locator("input[type=file]");
  await file.setInputFiles(given.good);
  await verdict(page, "Authentic");
  await accessible(page, "authentic");
  await page.getByLabel("I do not know").check({ force: true });
  await verdict(page, "Cannot tell");
  await page.getByLabel("Another site's").check({ force: true });
  await page.getByLabel("Fingerprint of the site", { exact: true }).fill("ab".repeat(31));
  await page.getByText("These are 62 digits, not 64.").waitFor();
  await page.getByLabel("Fingerprint of the site", { exact: true }).fill("ab".repeat(32));
  await verdict(page, "Not authentic");
  await page.getByText("Another site's seals").waitFor();
  await page.getByLabel("Fingerprint of the site", { exact: true }).fill(given.fingerprint.toUpperCase().replace(/(..)/g, "$1 "));
  await verdict(page, "Authentic");
  await drop(page, given.bad);
  await verdict(page, "Not authentic");
  const found = await page.getByRole("table").innerText();
  check(/Changed: the picture is not what was sealed/.test(found) && /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/.test(found), `what and where: ${found}`);
  await accessible(page, "not authentic");
  page.removeAllListeners("request");
  check(left.every((r) => /^GET \/api\/(health|v1\/session) 0$/.test(r)), `nothing but whether the server is there was asked for: ${left}`);
  return found;
}

async function audit({ page }) {
  await page.goto("/audit");
  await page.getByText(/The chain holds/).waitFor();
  const line = page.getByRole("row").filter({ hasText: "take footage away" }).filter({ hasText: "Kanzlei Nord" }).first();
  const text = await line.innerText();
  check(/Erika/.test(text) && /A lawyer: Kanzlei Nord/.test(text) && text.includes(PURPOSE) && /gateway main/.test(text), `who, for whom, what for, from where: ${text}`);
  check(await page.locator("main img").count() === 0, "text of a line is text");
  await line.getByText("Details").click();
  await line.getByText("receiver", { exact: true }).waitFor();
  await accessible(page, "audit");
  await page.getByLabel("What", { exact: true }).selectOption("camera");
  await page.waitForURL(/type=camera/);
  await page.getByText(/Camera cars-main added/).waitFor();
  check(await page.getByText("signed in").count() === 0, "cameras alone");
  await page.goto("/audit?person=Nobody");
  await page.getByText("No line says anything of that.").waitFor();
  await accessible(page, "audit, nothing found");
  await page.getByRole("button", { name: "Show everything" }).first().click();
  await page.getByText(/signed in/).first().waitFor();
}

// As a phone shows them, in the light.
async function phone({ page, given }) {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: "light" });
  for (const path of [given.path, "/verify", "/audit"]) {
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.getByText(/recorded\.|Choose a file|The chain holds/).first().waitFor();
    check(await narrow(page), `${path}: nothing is wider than the screen`);
    await accessible(page, `${path} on a phone`);
  }
}

await inBrowser(async (all) => {
  const { page, given, expect } = all;
  expect(unauthorized);
  await signIn(page, given, given.path);
  await takeAway(all);
  await refusals(all);
  doctor(given);
  const found = await verifyFiles(all);
  await audit(all);
  await phone(all);
  return { found };
});
