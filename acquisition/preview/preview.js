// The page: one connection to the program, and what comes over it goes to the panels.

import { MeasurePanel, RatioPanel, RegistrationPanel, RigPanel, showHead, showWarnings, warnings } from "./panels.js";
import { Stage } from "./stage.js";
import { TakePanel } from "./take.js";

const STALE_S = 3;
const LEAST_WAIT_MS = 400;
const MOST_WAIT_MS = 4000;

const $ = (id) => document.getElementById(id);
const state = { open: false, ended: "", scenery: null, status: null, found: null, ageS: null };
let socket = null;
let waitMs = LEAST_WAIT_MS;

history.replaceState(null, "", "/"); // the token stays out of the address bar; the cookie has it

function say(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

const stage = new Stage((look) => say(document.hidden ? { kind: "hide" } : look));
const take = new TakePanel(say);
const rig = new RigPanel();
const ratio = new RatioPanel($("ratio"));
const registration = new RegistrationPanel($("registration"));
const measures = Object.fromEntries([...document.querySelectorAll(".measure")].map((section) => [section.dataset.role, new MeasurePanel(section)]));

function connect() {
  socket = new WebSocket(`ws://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    state.open = true;
    state.ended = "";
    waitMs = LEAST_WAIT_MS;
    stage.ask();
    render();
  });
  socket.addEventListener("message", (event) => {
    if (typeof event.data === "string") hear(JSON.parse(event.data));
    else picture(event.data);
  });
  socket.addEventListener("close", async (event) => {
    state.open = false;
    state.ended = event.code === 1008 ? event.reason || "put out" : await whyNot();
    render();
    setTimeout(connect, waitMs);
    waitMs = Math.min(MOST_WAIT_MS, waitMs * 1.5);
  });
}

/** A refused WebSocket does not say why; the page's own address does. */
async function whyNot() {
  try {
    const answer = await fetch("/", { method: "HEAD", cache: "no-store" });
    if (answer.status === 403) return "This address is no longer valid: open the one that the program printed.";
    return answer.ok ? "" : `The program answers ${answer.status}.`;
  } catch {
    return "";
  }
}

function hear(message) {
  switch (message.kind) {
    case "scenery":
      state.scenery = message.scenery;
      for (const role of ["blurry", "sharp"]) {
        const view = message.scenery && message.scenery[role];
        $(`serial-${role}`).textContent = view ? `${view.serial} · ${view.width} × ${view.height} · ${view.pixel_format}` : "";
      }
      if (!message.scenery) forget();
      break;
    case "status":
      state.status = message;
      showHead(message);
      rig.show(message);
      take.show(message);
      $("end-button").hidden = message.take.state === "recording";
      break;
    case "measures":
      state.found = message.found;
      state.ageS = message.age_s;
      showMeasures(message.found);
      break;
    case "registration":
      registration.show(message.found, message.age_s);
      break;
    case "refused":
      take.answer(message.text);
      break;
    default:
  }
  render();
}

function forget() {
  state.found = null;
  state.ageS = null;
  stage.shown = false;
  showMeasures(null);
  registration.show(null, null);
}

function showMeasures(found) {
  for (const [role, panel] of Object.entries(measures)) {
    const view = found && found[role];
    panel.setLight(view);
    if (stage.region === "whole") panel.setFocus(view && view.focus, "whole");
  }
  ratio.show(found);
}

async function picture(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const blobs = head.sizes.map((size) => {
    const blob = new Blob([new Uint8Array(buffer, at, size)], { type: "image/jpeg" });
    at += size;
    return blob;
  });
  const region = stage.region;
  try {
    await stage.draw(head, blobs);
  } finally {
    say({ kind: "taken", number: head.number });
  }
  if (head.focus && region !== "whole") {
    for (const [role, panel] of Object.entries(measures)) panel.setFocus(head.focus[role], region);
  }
  $("stage-note").textContent = head.text;
  render();
}

function frameRate() {
  return state.status && state.status.rate_hz ? ` at ${Number(state.status.rate_hz.toFixed(2))} frames/s` : "";
}

/** What is going on: (state, name, detail, title and text over the pictures). */
function verdict() {
  const { open, ended, scenery, status, ageS } = state;
  if (!open) {
    const first = !status;
    const text = ended || (first ? "" : "The page comes back by itself. Recording, if one runs, goes on without it.");
    return ["gone", first ? "Connecting …" : "No connection to the program", ended ? "" : "trying again", first && !ended ? "" : "No connection", text];
  }
  const line = status && status.take;
  const lost = status && ["blurry", "sharp"].filter((role) => status[role].state === "lost").map((role) => (role === "blurry" ? "C1" : "C2"));
  if (line && line.state === "recording") {
    const counts = line.asked === null ? `${line.done} frames` : `${line.done} of ${line.asked} frames`;
    return ["recording", "RECORDING", [line.name, counts, line.prompt].filter(Boolean).join(" · "), "", ""];
  }
  if (lost && lost.length) return ["lost", `${lost.join(" and ")} lost`, "check its cable and power", "", ""];
  if (line && line.state === "countdown") return ["countdown", "Get ready", line.prompt || line.name, "", ""];
  if (line && line.state === "starting") return ["countdown", "Starting …", line.prompt || line.name, "", ""];
  if (line && line.state === "finishing") return ["countdown", "Finishing …", "checking what was recorded", "", ""];
  if (!scenery) return ["waiting", "No cameras yet", "", "No cameras yet", "The program is opening and configuring them."];
  if (ageS === null && !stage.shown) return ["waiting", "Waiting for a frame", "", "Waiting for a frame", "The cameras are ready; nothing has come yet."];
  if (ageS !== null && ageS > STALE_S) return ["stale", "No new frames", `for ${Math.round(ageS)} s`, "No new frames", "This is the last picture that came."];
  return ["live", "LIVE", scenery.triggered ? frameRate().trim() : "cameras run freely", "", ""];
}

function render() {
  const [name, title, detail, veil, veilText] = verdict();
  document.body.dataset.state = name;
  if ($("state-name").textContent !== title) $("state-name").textContent = title;
  $("state-detail").textContent = detail;
  $("veil").hidden = !veil;
  $("veil-title").textContent = veil;
  $("veil-text").textContent = veilText;
  document.title = `${title} – preview`;
  if (state.status) showWarnings(state.open ? warnings(state.status, state.found) : []);
}

const KEYS = {
  1: () => stage.set({ mode: "side" }),
  2: () => stage.set({ mode: "overlay" }),
  3: () => stage.set({ mode: "blink" }),
  4: () => stage.set({ mode: "difference" }),
  5: () => stage.set({ mode: "anaglyph" }),
  z: () => stage.nextZoom(),
  g: () => stage.brighten(),
  m: () => Object.values(measures).forEach((panel) => panel.begin()),
  r: () => take.start(),
  s: () => take.stop(),
  n: () => !$("note-form").hidden && $("note").focus(),
  "?": () => $("help").showModal(),
  ArrowLeft: () => stage.pan(-1, 0),
  ArrowRight: () => stage.pan(1, 0),
  ArrowUp: () => stage.pan(0, -1),
  ArrowDown: () => stage.pan(0, 1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || (event.repeat && !event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  act();
});

document.addEventListener("visibilitychange", () => stage.ask());
$("help-button").addEventListener("click", () => $("help").showModal());
$("end-button").addEventListener("click", () => $("end-dialog").showModal());
$("end-no").addEventListener("click", () => $("end-dialog").close());
$("end-yes").addEventListener("click", () => {
  say({ kind: "end" });
  $("end-dialog").close();
});

setInterval(() => registration.tick(), 1000);
render();
connect();
