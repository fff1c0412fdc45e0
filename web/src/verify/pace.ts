// SPDX-License-Identifier: GPL-3.0-or-later
// Lets the page live while much is computed: what takes long waits here now and then, so that clicks, keys and the bar of progress come in between.
const WORK_MS = 12;

let since = 0;

export async function breathe(): Promise<void> {
  if (performance.now() - since < WORK_MS) return;
  await new Promise((go) => setTimeout(go));
  since = performance.now();
}
