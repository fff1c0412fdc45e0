// SPDX-License-Identifier: GPL-3.0-or-later
// Storage and certificates: a volume that is gone says why and what to do; a lock made and taken away; days left, links, nodes, a root added and removed,
// the root for devices; the same on a phone; a viewer sees no controls.
import { accessible, check, inBrowser, signIn, signOut, unauthorized } from "./browser.mjs";

const PHONE = { width: 360, height: 740 };
const DESK = { width: 1280, height: 800 };
const shot = async (page, given, name) => given.shots && page.screenshot({ path: `${given.shots}/${name}.png` });

async function fits(page, given, name) {
  await accessible(page, name);
  await shot(page, given, name);
  await page.setViewportSize(PHONE);
  check((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${name}: nothing is wider than a phone`);
  await shot(page, given, `${name}-phone`);
  await page.setViewportSize(DESK);
}

async function storage(page, given) {
  const volume = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "second" }) });
  await volume.getByText("Not there").waitFor({ timeout: 20_000 });
  const told = await volume.innerText();
  check(told.includes(given.remedy) && /for \d+ s|for now/.test(told), `its cause, its remedy, since when: ${told}`);
  const main = await page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "main" }) }).innerText();
  check(main.includes("Takes footage") && /used, .* free/.test(main), `the other one: ${main}`);
  check((await page.getByRole("table", { name: "Days kept" }).innerText()).includes("cam-main"), "how long each camera is kept");
  await page.getByText("None was found.").waitFor();
  await page.getByText("Nothing is locked.").waitFor();
  await page.getByRole("button", { name: "Lock footage" }).click();
  let dialog = page.getByRole("dialog", { name: "Lock footage" });
  check(await dialog.getByRole("button", { name: "Lock it" }).isDisabled(), "not without a reason");
  await dialog.getByLabel("Why").fill("case 4711");
  await accessible(page, "locking");
  await dialog.getByRole("button", { name: "Lock it" }).click();
  const locked = page.getByRole("row").filter({ hasText: "case 4711" });
  await locked.waitFor();
  check((await locked.innerText()).includes(`${given.person} (gateway main)`), "who locked it");
  await fits(page, given, "storage");
  await locked.getByRole("button", { name: /Unlock/ }).click();
  dialog = page.getByRole("dialog", { name: "Unlock this footage?" });
  await dialog.getByLabel("Why").fill("closed");
  await dialog.getByRole("button", { name: "Unlock" }).click();
  await page.getByText("Nothing is locked.").waitFor();
}

async function certificates(page, given) {
  const part = (name) => page.getByRole("radio", { name, exact: true }).check({ force: true });
  const watch = page.getByRole("table", { name: "Days left" });
  await watch.waitFor();
  const days = (await watch.locator("tbody tr td:first-child").allInnerTexts()).map((t) => parseInt(t, 10));
  check(days.length > 5 && days.every((d, i) => i === 0 || d >= days[i - 1]) && days[0] >= 1 && days[0] <= 14, `days, soonest first: ${days}`);
  check((await watch.innerText()).includes("cam-main") && (await watch.innerText()).includes("The camera is refused"), "what happens at the end of a camera's");
  await fits(page, given, "certificates");
  await part("Links");
  const links = page.getByRole("table", { name: "Links" });
  await links.getByText("recorder/main").first().waitFor();
  const plain = await links.locator("tbody tr td:last-child").allInnerTexts();
  check(plain.length >= 2 && plain.every((t) => t.trim() === "0 B"), `none without TLS: ${plain}`);
  await page.getByLabel("Links of").selectOption("main");
  await links.getByText("camera cam-main").waitFor();
  check((await links.innerText()).includes("Verified") && (await links.innerText()).includes("TLS 1.3"), "a camera's link");
  await fits(page, given, "links");
  await part("Nodes");
  await page.getByRole("button", { name: "Revoke: recorder main" }).click();
  const revoke = page.getByRole("dialog", { name: "Revoke recorder main?" });
  check((await revoke.innerText()).includes("Its links end at once"), "what it does");
  check(await revoke.getByRole("button", { name: "Revoke" }).isDisabled(), "not without a reason");
  await accessible(page, "revoking");
  await revoke.getByRole("button", { name: "Cancel" }).click();
  await fits(page, given, "nodes");
  await part("Roots");
  await page.getByText("None: cameras are known").waitFor();
  await page.getByRole("button", { name: "Add a root" }).click();
  let dialog = page.getByRole("dialog", { name: "Add a root" });
  await dialog.getByLabel("Its certificate").setInputFiles({ name: "key.pem", mimeType: "text/plain", buffer: Buffer.from(given.key_pem) });
  await dialog.getByText("That file holds a private key.").waitFor();
  await dialog.getByLabel("Its certificate").setInputFiles({ name: "root.pem", mimeType: "text/plain", buffer: Buffer.from(given.root_pem) });
  await dialog.getByLabel("I have its fingerprint").check();
  check((await dialog.locator("code").innerText()).replace(/\s/g, "") === given.fingerprint, "its fingerprint, to compare");
  await accessible(page, "adding a root");
  await dialog.getByRole("button", { name: "Add a root" }).click();
  await page.getByRole("button", { name: "Remove CN=vendor" }).click();
  dialog = page.getByRole("dialog", { name: "Trust it no more?" });
  await dialog.getByRole("button", { name: "Remove" }).click();
  await page.getByText("None: cameras are known").waitFor();
  await part("Your devices");
  await page.getByRole("link", { name: "Get root.crt" }).waitFor();
  await page.locator("code").first().waitFor();
  const shown = (await page.locator("code").allInnerTexts()).map((t) => t.replace(/\s/g, ""));
  check(shown.includes(given.web_root), `the root's fingerprint: ${shown}`);
  await fits(page, given, "device");
}

await inBrowser(async ({ page, given, expect }) => {
  expect(unauthorized);
  await signIn(page, given, "/storage");
  await storage(page, given);
  await page.getByRole("link", { name: "Certificates" }).click();
  await certificates(page, given);
  await signOut(page, given);
  await page.emulateMedia({ colorScheme: "light" });
  await signIn(page, { ...given, person: "Victor" }, "/storage");
  await page.getByText("Nothing is locked.").waitFor();
  check((await page.getByRole("button", { name: /Lock|Unlock/ }).count()) === 0, "a viewer locks nothing");
  await shot(page, given, "storage-light");
  await page.goto("/certificates?part=nodes");
  await page.getByRole("table", { name: "Nodes" }).waitFor();
  check((await page.getByRole("button", { name: /Revoke/ }).count()) === 0, "nor revokes");
  await accessible(page, "a viewer's nodes");
  return {};
});
