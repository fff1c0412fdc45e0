// SPDX-License-Identifier: GPL-3.0-or-later
export const common = {
  product: "Custos",
  again: "Try again",
  cancel: "Cancel",
  close: "Close",
  loading: "Loading",
  signOut: "Sign out",
  navigation: "Pages",
  skipToContent: "Skip to content",
  notFound: "There is no such page.",
  notFoundRemedy: "Choose one of the pages above.",
  unreachable: "Custos does not answer.",
  unreachableRemedy: "Look whether this device has a network and whether the server runs; the page tries again by itself.",
  status: (n: number) => `The server answered with status ${n}.`,
  time: { d: "d", h: "h", min: "min", s: "s", now: "now", ago: (n: string) => `${n} ago`, in: (n: string) => `in ${n}` },
  saved: "Saved.",
  pages: { live: "Live", cameras: "Cameras", export: "Export", verify: "Verify", storage: "Storage", certificates: "Certificates", audit: "Audit", people: "People" },
  // The four states of products.md: what the wire really carries.
  protection: {
    "encrypted and verified": { word: "Verified", about: "Encrypted, and the camera is who it says." },
    "encrypted, pinned": { word: "Pinned", about: "Encrypted; the camera is known by its key." },
    "control only": { word: "Control only", about: "Only the talk is encrypted, the pictures are not." },
    open: { word: "Open", about: "Not encrypted: anybody on the way can watch." },
  } as Record<string, { word: string; about: string }>,
  protectionNone: { word: "Not connected", about: "Nothing is on the way from this camera." },
};
