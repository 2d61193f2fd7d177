// Start and stop of a take, its progress, its verdict, and notes.

import { make } from "./panels.js";

const ACTIVE = new Set(["countdown", "starting", "recording", "finishing"]);
const TITLES = { countdown: "Get ready", starting: "Starting", recording: "Recording", finishing: "Finishing" };
const TONES = { good: "good", marked: "warn", "free-running": "warn", recovered: "warn", stopped: "warn", discarded: "bad" };

const $ = (id) => document.getElementById(id);

export class TakePanel {
  constructor(say) {
    this.say = say;
    this.state = "none";
    this.verdict = "";
    $("start-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    $("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.note();
    });
    $("stop").addEventListener("click", () => this.stop());
    $("purpose").addEventListener("change", () => this.purpose());
    this.purpose();
  }

  purpose() {
    $("distance-label").hidden = $("purpose").value !== "target";
  }

  start() {
    if (this.state !== "idle" || !$("start-form").reportValidity()) return;
    const distance = $("purpose").value === "target" && $("distance").value ? Number($("distance").value) : null;
    this.answer("");
    $("start").disabled = true; // until the program says something new
    this.say({
      kind: "start",
      purpose: $("purpose").value,
      frames: Number($("frames").value),
      notes: $("notes").value,
      motion: $("motion").value,
      distance_mm: distance,
      countdown_s: Number($("countdown-s").value),
    });
  }

  stop() {
    if (!["countdown", "starting", "recording"].includes(this.state)) return;
    $("stop").disabled = true;
    this.say({ kind: "stop" });
  }

  note() {
    const text = $("note").value.trim();
    if (!text) return;
    this.say({ kind: "note", text });
    $("note").value = "";
    this.answer("");
    $("note").placeholder = "Noted. Another note";
  }

  answer(text) {
    $("answer").textContent = text;
    $("start").disabled = false;
    $("stop").disabled = false;
  }

  show(status) {
    const take = status.take;
    const active = ACTIVE.has(take.state);
    const changed = take.state !== this.state;
    this.state = take.state;
    $("recording").hidden = !active;
    $("start-form").hidden = active || take.state === "none";
    $("start").disabled = take.state !== "idle";
    $("start").firstChild.textContent = take.state === "busy" ? "Wait … " : "Start take ";
    $("take-none").hidden = take.state !== "none";
    $("note-form").hidden = !(active || status.verdict);
    if (changed) {
      this.answer("");
      $("start").disabled = take.state !== "idle";
    }
    if (active) this.showProgress(take);
    this.showVerdict(active ? null : status.verdict);
    if (status.message) $("answer").textContent = status.message;
    else if (this.message) $("answer").textContent = "";
    this.message = status.message;
    this.countdown(take);
  }

  showProgress(take) {
    $("take-name").textContent = [TITLES[take.state], take.name, take.purpose].filter(Boolean).join(" · ");
    $("take-done").textContent = String(take.done);
    $("take-asked").textContent = take.asked === null ? "frames" : `of ${take.asked}`;
    const bar = $("take-progress");
    if (take.asked === null) bar.removeAttribute("value");
    else bar.value = take.asked ? Math.min(1, take.done / take.asked) : 0;
    $("take-prompt").textContent = take.prompt;
    $("stop").hidden = take.state === "finishing";
  }

  showVerdict(verdict) {
    this.nameNote(verdict ? verdict.name : "this take");
    $("verdict").hidden = !verdict;
    if (!verdict) return;
    $("verdict-name").textContent = verdict.name;
    $("verdict-word").textContent = verdict.verdict;
    $("verdict-word").className = `chip ${TONES[verdict.verdict] || ""}`;
    $("verdict-text").textContent = verdict.text;
    const key = JSON.stringify(verdict);
    if (key === this.verdict) return;
    this.verdict = key;
    $("verdict-findings").replaceChildren(...verdict.findings.map((text) => make("li", {}, text)));
  }

  nameNote(name) {
    const text = `Note on ${name}`;
    if ($("note").getAttribute("aria-label") === text) return;
    $("note").setAttribute("aria-label", text);
    $("note").placeholder = text;
  }

  countdown(take) {
    const counting = take.state === "countdown" && take.countdown_s !== null;
    $("countdown").hidden = !counting;
    if (counting) $("countdown").textContent = String(Math.ceil(take.countdown_s));
  }
}
