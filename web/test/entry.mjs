// SPDX-License-Identifier: GPL-3.0-or-later
// First start: the code makes the first administrator; out, a wrong password, in again, back to the page that was asked for.
import { accessible, check, inBrowser, signIn, unauthorized } from "./browser.mjs";

await inBrowser(async ({ page, given, expect }) => {
  expect(unauthorized);
  await page.goto("/");
  await page.waitForURL("**/setup");
  await accessible(page, "setup");
  await page.getByLabel("Setup code").fill(given.code);
  await page.getByLabel("Name", { exact: true }).fill(given.person);
  await page.getByLabel("Password").fill(given.password);
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  await accessible(page, "sign-in");
  await page.getByLabel("Name", { exact: true }).fill(given.person);
  await page.getByLabel("Password").fill("not this one at all");
  await page.getByRole("button", { name: "Sign in" }).click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  check(!/password is wrong|no such person/i.test(await alert.innerText()), "it does not say which of the two was wrong");
  await signIn(page, given, "/cameras");
  check(new URL(page.url()).pathname === "/cameras", `back where one wanted to go: ${page.url()}`);
  return {};
});
