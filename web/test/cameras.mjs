// SPDX-License-Identifier: GPL-3.0-or-later
// The administrator's cameras: one added by address after a test and seen recording; one with a wrong certificate explained, compared, pinned; one for another
// name; an exception that has to be confirmed; changed, searched, removed. On a phone the same as cards; a viewer sees no controls.
import { accessible, check, inBrowser, signIn, signOut, unauthorized } from "./browser.mjs";

const shot = async (page, given, name) => given.shots && page.screenshot({ path: `${given.shots}/${name}.png`, fullPage: false });
const row = (page, name) => page.getByRole("row").filter({ hasText: name });

async function fill(dialog, given, name, url) {
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByLabel("Address").fill(url);
  await dialog.getByLabel("User, as the camera knows").fill(given.user);
  await dialog.getByLabel("The camera's password").fill(given.camera_password);
}

async function open(page) {
  await page.getByRole("button", { name: "Add a camera" }).first().click();
  return page.getByRole("dialog", { name: "Add a camera" });
}

async function administrator(page, given) {
  await page.getByText("No cameras yet").waitFor();
  await accessible(page, "no cameras");
  let dialog = await open(page);
  check(await dialog.getByRole("radio", { name: "By a certificate of this site" }).isChecked(), "the best is chosen");
  check(!(await dialog.getByRole("radio", { name: "Not at all" }).isVisible()), "no exception is shown before it is asked for");
  await fill(dialog, given, "lobby", given.good);
  await dialog.getByRole("button", { name: "Test", exact: true }).click();
  await dialog.getByText("It can be recorded.").waitFor();
  const stages = await dialog.getByRole("list", { name: "What was seen" }).innerText();
  for (const word of ["Connection", "127.0.0.1 port", "TLS 1.3", "verified: CN=", "Digest", "h264, 768 x 432", "pictures a second"]) check(stages.includes(word), `"${word}" in what was seen: ${stages}`);
  await accessible(page, "a good test");
  await shot(page, given, "good");
  await dialog.getByRole("button", { name: "Add it", exact: true }).click();
  await dialog.waitFor({ state: "detached" });

  dialog = await open(page);
  await fill(dialog, given, "yard", given.foreign);
  await dialog.getByRole("button", { name: "Test", exact: true }).click();
  await dialog.getByText("Its issuer is none that is trusted here").waitFor();
  const told = await dialog.innerText();
  for (const word of ["CN=foreign-leaf", "CN=foreign", "It is for the address that was asked for", "It is good today", "Let the site issue one", "Trust its vendor's root", "Never right because of a wrong certificate"]) check(told.includes(word), `"${word}": ${told}`);
  const digits = (await dialog.locator(".look-parts code").innerText()).replace(/\s/g, "");
  check(digits === given.pin, `the key to compare: ${digits}`);
  const pin = dialog.getByRole("button", { name: "Pin this key and test again" });
  check(await pin.isDisabled(), "not before it was compared");
  await accessible(page, "a wrong certificate");
  await shot(page, given, "wrong");
  await dialog.getByLabel("I have compared all 64 digits").check();
  await pin.click();
  await dialog.getByText("It can be recorded.").waitFor();
  check(await dialog.getByRole("radio", { name: "By its key alone" }).isChecked(), "by its key from now on");
  await dialog.getByRole("button", { name: "Add it", exact: true }).click();
  await dialog.waitFor({ state: "detached" });

  dialog = await open(page);
  await fill(dialog, given, "gate", given.other_name);
  await dialog.getByRole("button", { name: "Test", exact: true }).click();
  await dialog.getByText("It is not for the address that was asked for").waitFor();
  check((await dialog.innerText()).includes("Enter it by a name that it has"), "what is right for a wrong name");
  await dialog.getByText("Exceptions, for cameras without encryption").click();
  await dialog.getByRole("radio", { name: "Not at all" }).check();
  check(await dialog.getByRole("button", { name: "Test", exact: true }).isDisabled(), "an exception is confirmed first");
  check((await dialog.innerText()).includes("anybody on the way can watch"), "and says what it costs");
  await accessible(page, "an exception");
  await dialog.getByRole("button", { name: "Cancel" }).click();

  await row(page, "lobby-main").getByText("Recording", { exact: true }).waitFor();
  await row(page, "yard-main").getByText("Recording", { exact: true }).waitFor();
  check((await row(page, "lobby-main").innerText()).includes("Verified") && (await row(page, "lobby-main").innerText()).includes("TLS 1.3"), "verified");
  check((await row(page, "yard-main").innerText()).includes("Pinned"), "pinned");
  await accessible(page, "cameras");
  await shot(page, given, "list");
  await page.getByLabel("Show").selectOption("pinned");
  check((await page.getByRole("row").count()) === 2, "the pinned one alone");
  await page.getByLabel("Show").selectOption("all");
  await page.getByLabel("Search").fill("lobby");
  check((await page.getByRole("row").count()) === 2, "the one that is searched");
  await page.getByLabel("Search").fill("");

  await page.getByRole("button", { name: "Actions of yard-main" }).click();
  await page.getByRole("menuitem", { name: "Change" }).click();
  dialog = page.getByRole("dialog", { name: "Change yard-main" });
  check((await dialog.getByLabel("The camera's password").inputValue()) === "", "the page never gets the password");
  await dialog.getByLabel("Recorded").selectOption("event");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await row(page, "yard-main").getByText("At events").waitFor();
  await page.getByRole("button", { name: "Actions of yard-main" }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  dialog = page.getByRole("dialog", { name: "Remove yard?" });
  check((await dialog.innerText()).includes("What was recorded stays"), "what happens to the footage");
  await dialog.getByRole("button", { name: "Remove" }).click();
  await row(page, "yard-main").waitFor({ state: "detached" });
}

await inBrowser(async ({ page, given, expect }) => {
  expect(unauthorized);
  await signIn(page, given, "/cameras");
  await administrator(page, given);
  await page.setViewportSize({ width: 360, height: 740 });
  await accessible(page, "on a phone");
  check((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, "nothing is wider than the phone");
  await shot(page, given, "phone");
  const dialog = await open(page);
  check((await page.evaluate(() => document.querySelector("dialog").scrollWidth - document.querySelector("dialog").clientWidth)) <= 0, "nor than the dialog");
  await accessible(page, "adding on a phone");
  await shot(page, given, "phone-add");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.setViewportSize({ width: 1280, height: 800 });
  await signOut(page, given);
  await page.emulateMedia({ colorScheme: "light" });
  await signIn(page, { ...given, person: "Victor" }, "/cameras");
  await row(page, "lobby-main").getByText("Recording", { exact: true }).waitFor();
  check((await page.getByRole("button", { name: /Add a camera|Actions/ }).count()) === 0, "a viewer sees no controls");
  await accessible(page, "a viewer");
  await shot(page, given, "viewer");
  return {};
});
