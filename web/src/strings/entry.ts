// SPDX-License-Identifier: GPL-3.0-or-later
export const entry = {
  signInTitle: "Sign in",
  setupTitle: "The first administrator",
  code: "Setup code, as the terminal shows it",
  name: "Name",
  password: "Password",
  passwordRule: "12 characters or more; no common word, name or row of keys alone.",
  go: "Sign in",
  goSetup: "Make the administrator",
};
