// SPDX-License-Identifier: GPL-3.0-or-later
// Administrators add people, change them, end their sessions, remove them; whoever is thrown out sees the sign-in, and is back where he was.
import { accessible, check, inBrowser, noOverflow, phone, signIn } from "./browser.mjs";

const OTHER = "Viktor";

const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });

async function choose(page, name, what) {
  await page.getByRole("button", { name: `What to do with ${name}` }).click();
  await page.getByRole("menuitem", { name: what }).click();
  return page.getByRole("dialog");
}

async function addAndRemove(page, given) {
  await page.getByRole("button", { name: "Add a person" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("Ben (night)");
  await dialog.getByLabel("Password", { exact: true }).fill("passwordpassword");
  await dialog.getByRole("button", { name: "Add a person" }).click();
  await dialog.getByRole("alert").getByText("too easy to guess").or(dialog.getByRole("alert")).first().waitFor(); // the server's word
  await dialog.getByLabel("Password", { exact: true }).fill(given.password);
  await accessible(page, "adding a person");
  await dialog.getByRole("button", { name: "Add a person" }).click();
  await page.getByText("Ben (night) can sign in.").waitFor();
  await rowOf(page, "Ben (night)").getByText("Viewer").waitFor();

  const role = await choose(page, "Ben (night)", "Change the role");
  await role.getByLabel("Role").selectOption("administrator");
  await role.getByRole("button", { name: "Save" }).click();
  await rowOf(page, "Ben (night)").getByText("Administrator").waitFor();

  const sure = await choose(page, "Ben (night)", "Remove");
  await page.keyboard.press("Escape");
  await sure.waitFor({ state: "detached" });
  await rowOf(page, "Ben (night)").waitFor();
  await (await choose(page, "Ben (night)", "Remove")).getByRole("button", { name: "Remove" }).click();
  await rowOf(page, "Ben (night)").waitFor({ state: "detached" });
}

// The last administrator: the server says why not.
async function lastAdministrator(page, given) {
  const dialog = await choose(page, given.person, "Disable");
  await dialog.getByRole("button", { name: "Disable" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
}

async function throwOut(page, other, given) {
  await signIn(other, { ...given, person: OTHER });
  check((await other.getByRole("link", { name: "People" }).count()) === 0, "a viewer is not shown the people");
  await page.getByRole("radio", { name: "Sessions" }).check({ force: true });
  await rowOf(page, OTHER).waitFor();
  await accessible(page, "sessions");
  await rowOf(page, OTHER).getByRole("button", { name: /^End the session/ }).click();
  await rowOf(page, OTHER).waitFor({ state: "detached" });
  await other.getByText("Your session has ended").waitFor();
  await signIn(other, { ...given, person: OTHER }, other.url());
  await page.getByRole("radio", { name: "People" }).check({ force: true });
  await (await choose(page, OTHER, "Disable")).getByRole("button", { name: "Disable" }).click();
  await rowOf(page, OTHER).getByText("Disabled").waitFor();
  await other.getByText("Your session has ended").waitFor();
}

await inBrowser(async ({ page, given, browser, expect }) => {
  expect(/status of 4../);
  await signIn(page, given, "/people");
  await rowOf(page, given.person).getByText("You").waitFor();
  await accessible(page, "people");
  await addAndRemove(page, given);
  await lastAdministrator(page, given);
  const beside = await browser.newContext({ baseURL: given.origin });
  await throwOut(page, await beside.newPage(), given);
  await phone(page);
  await noOverflow(page, "people on a phone");
  await accessible(page, "people on a phone");
  return {};
});
