// SPDX-License-Identifier: GPL-3.0-or-later
// First start: the code makes the first administrator, what is to be kept is said; out, wrong passwords and the wait, in again to where one wanted
// to go, another password, and a connection that is lost and found.
import { accessible, check, inBrowser, noOverflow, signIn, signOut, unauthorized } from "./browser.mjs";

async function setUp(page, given) {
  await page.goto("/");
  await page.waitForURL("**/setup");
  await accessible(page, "setup");
  await noOverflow(page, "setup");
  const make = page.getByRole("button", { name: "Make the administrator" });
  await page.getByLabel("Setup code").fill(` ${given.code.slice(0, 5)}-${given.code.slice(5)} `);
  await page.getByLabel("Name", { exact: true }).fill(given.person);
  const password = page.getByLabel("Password", { exact: true });
  await password.fill("kurz");
  await page.getByText("8 characters more").waitFor();
  check(await make.isDisabled(), "too short a password is not sent");
  await password.fill(given.password);
  await page.getByText("Long enough").waitFor();
  await page.getByRole("button", { name: "Show what is typed" }).click();
  check((await password.getAttribute("type")) === "text", "what is typed can be seen");
  await make.click();
  await page.getByRole("heading", { name: "What to keep" }).waitFor();
  await page.getByText("recovery-kit.txt").waitFor();
  const prints = page.locator(".entry-print");
  await prints.nth(1).waitFor();
  await accessible(page, "what to keep");
  await noOverflow(page, "what to keep");
  const [fingerprint, root] = await prints.allInnerTexts();
  await page.getByRole("button", { name: "Open Custos" }).click();
  await page.getByRole("navigation").waitFor();
  return { fingerprint, root };
}

async function wrongPasswords(page, given) {
  await accessible(page, "sign-in");
  const enter = page.getByRole("button", { name: "Sign in" });
  await page.getByLabel("Name", { exact: true }).fill("Niemand");
  await page.getByLabel("Password", { exact: true }).fill("not this one at all");
  await enter.click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  check(!/password is wrong|no such person/i.test(await alert.innerText()), "it does not say which of the two was wrong");
  await page.evaluate(async () => {
    const wrong = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: "Niemand", password: "neither is this" }) };
    for (let i = 0; i < 8; i++) if ((await fetch("/api/v1/session", wrong)).status === 429) break;
  });
  await enter.click();
  const wait = page.getByRole("button", { name: /^Wait \d+ s$/ });
  await wait.waitFor();
  check(await wait.isDisabled(), "nothing is sent while one has to wait");
  await page.getByText(/Too many wrong passwords/i).waitFor();
  await enter.waitFor({ timeout: 20_000 }); // counted down
}

async function ownPassword(page, given) {
  await page.getByRole("button", { name: `${given.person}: ` }).click();
  await page.keyboard.press("Enter"); // the first of the menu has the focus
  const dialog = page.getByRole("dialog", { name: "Change my password" });
  await dialog.waitFor();
  await accessible(page, "the own password");
  await dialog.getByLabel("Present password").fill("not this one at all");
  await dialog.getByLabel("New password").fill(given.next_password);
  await dialog.getByRole("button", { name: "Change it" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Present password").fill(given.password);
  await dialog.getByRole("button", { name: "Change it" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("The password is changed.").waitFor();
}

async function lostAndFound(page, context) {
  const said = page.getByText("The connection to Custos is lost");
  await context.setOffline(true);
  await said.waitFor({ timeout: 25_000 });
  await context.setOffline(false);
  await said.waitFor({ state: "detached" });
}

await inBrowser(async ({ page, given, context, expect }) => {
  expect(unauthorized);
  expect(/status of 429/);
  expect(/ERR_INTERNET_DISCONNECTED/);
  const kept = await setUp(page, given);
  await signOut(page, given);
  await wrongPasswords(page, given);
  await signIn(page, given, `/sign-in?to=${encodeURIComponent("//example.org/")}`);
  check(page.url() === `${given.origin}/`, `never to another's page: ${page.url()}`);
  await signOut(page, given);
  await signIn(page, given, "/people?from=a-link");
  check(page.url().endsWith("/people?from=a-link"), `back where one wanted to go: ${page.url()}`);
  await ownPassword(page, given);
  await lostAndFound(page, context);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  return kept;
});
