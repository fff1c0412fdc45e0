// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";

const find = (id) => document.getElementById(id);
const PROTECTION = {
  "encrypted and verified": ["encrypted, and the camera is who it says", false],
  "encrypted, pinned": ["encrypted, the camera known by its key", false],
  "control only": ["only the talk is encrypted, the pictures are not", true],
  "open": ["NOT encrypted: anybody on the way can watch", true],
};
let socket = null;

function say(text) { find("say").textContent = text; }

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body), credentials: "same-origin",
  });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error([told.detail, told.remedy].filter(Boolean).join(" ")), { status: answer.status });
  return told;
}

function show(section) {
  for (const id of ["enter", "cameras"]) find(id).hidden = id !== section;
  find("leave").hidden = section === "enter";
}

async function begin() {
  try {
    const session = await ask("GET", "/api/v1/session");
    find("who").textContent = session.person;
    show("cameras");
    await list();
  } catch (why) {
    if (why.status !== 401) { say(why.message); return; }
    find("who").textContent = "";
    stop();
    const setup = (await ask("GET", "/api/v1/setup")).needed;
    find("code-row").hidden = !setup;
    find("enter-title").textContent = setup ? "The first administrator" : "Sign in";
    find("enter").elements.password.autocomplete = setup ? "new-password" : "current-password";
    show("enter");
  }
}

async function enter(event) {
  event.preventDefault();
  const form = find("enter").elements, setup = !find("code-row").hidden;
  const body = { name: form.name.value, password: form.password.value };
  say("");
  try {
    await ask("POST", setup ? "/api/v1/setup" : "/api/v1/session", setup ? { ...body, code: form.code.value } : body);
    form.password.value = form.code.value = "";
    await begin();
  } catch (why) { say(why.message); }
}

function cell(row, text, bad) {
  const td = row.insertCell();
  td.textContent = text;
  if (bad) td.className = "bad";
  return td;
}

async function list() {
  const rows = document.createDocumentFragment();
  let after = null, n = 0;
  do {
    const page = await ask("GET", "/api/v1/streams" + (after ? "?after=" + encodeURIComponent(after) : ""));
    for (const s of page.items) {
      const row = document.createElement("tr");
      const [words, bad] = PROTECTION[s.protection] || [s.protection, true];
      n++;
      cell(row, s.stream);
      cell(row, s.recording ? "yes" : s.error || s.state, !s.recording);
      cell(row, s.state === "streaming" ? words : "not connected", s.state === "streaming" && bad);
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Watch " + s.stream;
      button.addEventListener("click", () => watch(s.stream));
      row.insertCell().append(button);
      rows.append(row);
    }
    after = page.more ? page.after : null;
  } while (after);
  find("streams").replaceChildren(rows);
  say(n ? "" : "There are no cameras yet: custos camera add.");
}

function stop(text) {
  if (socket) { socket.onclose = null; socket.close(); socket = null; }
  find("live-say").textContent = text || "";
  if (!text) find("live").hidden = true;
}

function watch(stream) {
  const video = find("video"), source = new MediaSource(), waiting = [];
  let buffer = null;
  stop();
  find("live").hidden = false;
  find("live-title").textContent = stream;
  find("live-say").textContent = "Waiting for the next key frame.";
  video.src = URL.createObjectURL(source);

  const feed = () => {
    if (!buffer || buffer.updating) return;
    const ranges = buffer.buffered, n = ranges.length;
    if (n) {
      const end = ranges.end(n - 1);
      if (video.currentTime < ranges.start(n - 1) || end - video.currentTime > 2) video.currentTime = Math.max(ranges.start(n - 1), end - 0.2);
      if (end - ranges.start(0) > 60) { buffer.remove(0, end - 30); return; }
    }
    if (waiting.length) buffer.appendBuffer(waiting.shift());
  };
  const tell = (told) => {
    if (told.codec !== undefined) {
      const type = `video/mp4; codecs="${told.codec}"`;
      if (!MediaSource.isTypeSupported(type)) { stop(`This browser cannot play ${told.codec}.`); return; }
      if (!buffer) { buffer = source.addSourceBuffer(type); buffer.addEventListener("updateend", feed); } else buffer.changeType(type);
      find("live-say").textContent = "Live.";
    } else if (told.skipped) find("live-say").textContent = "The connection is slow: something was skipped.";
    else if (told.ended) stop([told.ended.text, told.ended.remedy].filter(Boolean).join(" "));
  };
  source.addEventListener("sourceopen", () => {
    URL.revokeObjectURL(video.src);
    socket = new WebSocket(`wss://${location.host}/api/v1/streams/${encodeURIComponent(stream)}/live`, "custos.live.1");
    socket.binaryType = "arraybuffer";
    socket.onmessage = (m) => {
      if (typeof m.data === "string") tell(JSON.parse(m.data));
      else { waiting.push(m.data); feed(); }
    };
    socket.onclose = () => { stop("The connection has ended."); begin(); };
  }, { once: true });
}

find("enter").addEventListener("submit", enter);
find("stop").addEventListener("click", () => stop());
find("leave").addEventListener("click", async () => { await ask("DELETE", "/api/v1/session").catch((why) => say(why.message)); begin(); });
setInterval(() => { if (!find("cameras").hidden) list().catch(begin); }, 5000);
begin().catch((why) => say(why.message));
