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
    this.checks = "";
    $("start-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    $("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.note();
    });
    $("stop").addEventListener("click", () => this.stop());
  }

  start() {
    if (this.state !== "idle" || !$("start-form").reportValidity()) return;
    this.answer("");
    $("start").disabled = true; // until the program says something new
    this.say({
      kind: "start",
      purpose: "scene", // calibration clips are steps of the guide
      frames: Number($("frames").value),
      notes: $("notes").value,
      motion: $("motion").value,
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
    this.showChecks(active ? [] : status.checks);
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

  /** What the preflight found; open by itself only where it found a fault. */
  showChecks(checks) {
    const key = JSON.stringify(checks);
    if (key === this.checks) return;
    this.checks = key;
    const faults = checks.filter((check) => check.status === "fault").length;
    const warned = checks.length - faults;
    const counts = [[faults, "fault"], [warned, "warning"]].filter(([count]) => count).map(([count, name]) => `${count} ${name}${count > 1 ? "s" : ""}`);
    $("checks").hidden = !checks.length;
    $("checks").open = faults > 0;
    $("checks-name").textContent = `Preflight: ${counts.join(", ")}`;
    $("checks-name").className = faults ? "bad" : "";
    $("checks-lines").replaceChildren(...checks.map((check) => make("li", { className: check.status === "fault" ? "bad" : "" }, `${check.name}: ${check.text}`)));
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
