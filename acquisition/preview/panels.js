// Figures beside the pictures. Whatever comes from outside is put in as text, never as markup.

import { drawGauge, drawHistogram, isClipped } from "./chart.js";

const ROLES = ["blurry", "sharp"];
const NAMES = { blurry: "C1", sharp: "C2" };
const CHANNELS = { R: "red", G: "green", B: "blue", Y: "" };
const SYNC = { unknown: "Sync not known yet", in_step: "In sync", out_of_step: "Out of sync", free: "No trigger" };
const STATES = { closed: "closed", configured: "ready", armed: "armed", running: "running", lost: "lost" };
const DASH = "–";
const FULL_RING = 0.5;
const CLIPPED = 0.01;
const LITTLE_TIME_S = 600;

export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made && key !== "role") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function number(value, digits, unit = "") {
  if (value === null || value === undefined) return DASH;
  return value.toFixed(digits).replace("-", "\u2212") + (unit && `\u202f${unit}`);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  if (seconds < 90) return `${Math.round(seconds)}\u202fs`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u202fmin`;
  const minutes = Math.round(seconds / 60);
  return minutes < 2880 ? `${Math.floor(minutes / 60)}\u202fh ${minutes % 60}\u202fmin` : `${Math.round(minutes / 1440)} days`;
}

/** Focus, level, histogram and clipping of one camera. */
export class MeasurePanel {
  constructor(section) {
    this.role = section.dataset.role;
    this.region = "";
    this.recent = [];
    this.most = null;
    this.score = make("p", { className: "big", id: `focus-${this.role}` }, DASH);
    this.fill = make("i");
    this.most_text = make("span", {}, "best so far –");
    this.reset = make("button", { type: "button", className: "reset" }, "Reset ");
    this.reset.append(make("kbd", {}, "M"));
    this.reset.addEventListener("click", () => this.begin());
    this.where = make("span", {}, "");
    this.histogram = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [key, value] of Object.entries({ class: "histogram", viewBox: "0 0 256 100", preserveAspectRatio: "none", role: "img", id: `histogram-${this.role}` })) {
      this.histogram.setAttribute(key, value);
    }
    this.clips = make("p", { className: "clips", id: `clips-${this.role}` });
    this.level = make("span", { id: `level-${this.role}` }, DASH);
    section.append(
      make("div", {}, make("p", { className: "label" }, `Focus ${NAMES[this.role]}`, this.where), this.score,
        make("div", { className: "bar" }, this.fill), make("p", { className: "label" }, this.most_text), this.reset),
      make("div", {}, make("p", { className: "label" }, "Light: ", this.level), this.histogram, this.clips),
    );
  }

  begin() {
    this.recent = [];
    this.most = null;
    this.most_text.textContent = "best so far –";
  }

  /** The middle one of the last three scores, so that one odd frame makes no maximum. */
  setFocus(score, region) {
    if (region !== this.region) {
      this.region = region;
      this.where.textContent = region === "whole" ? "" : " · this part";
      this.begin();
    }
    if (score === null || score === undefined) {
      this.score.textContent = DASH;
      this.fill.style.width = "0";
      return;
    }
    this.recent = [...this.recent.slice(-2), score];
    const middle = [...this.recent].sort((a, b) => a - b)[this.recent.length >> 1];
    this.most = Math.max(this.most ?? 0, middle);
    const share = this.most > 0 ? middle / this.most : 0;
    this.score.textContent = number(middle, 1);
    this.fill.style.width = `${(100 * share).toFixed(1)}%`;
    this.fill.className = share > 0.97 ? "good" : "";
    this.most_text.textContent = `best so far ${number(this.most, 1)}`;
  }

  setLight(view) {
    if (!view) {
      this.level.textContent = DASH;
      this.histogram.replaceChildren();
      this.clips.replaceChildren();
      return;
    }
    this.level.textContent = `${number(100 * view.level, view.level < 0.1 ? 1 : 0, "%")} of full scale`;
    drawHistogram(this.histogram, view);
    const clipped = Object.entries(view.clipped).map(([name, share]) => clipText(name, share));
    this.histogram.setAttribute("aria-label", `Histogram of ${NAMES[this.role]}; clipped: ${clipped.join(", ")}`);
    this.clips.replaceChildren(
      "clipped ",
      ...Object.entries(view.clipped).map(([name, share]) => make("span", { className: isClipped(share) ? "clipped" : "" }, clipText(name, share))),
    );
  }
}

function clipText(name, share) {
  return `${name === "Y" ? "" : `${name} `}${number(100 * share, share && share < 0.1 ? 1 : 0, "%")}`;
}

/** C1 over C2 with the band that is allowed. */
export class RatioPanel {
  constructor(section) {
    this.value = make("span", { className: "big", id: "ratio-value" }, DASH);
    this.word = make("span", { className: "word" });
    this.gauge = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.gauge.setAttribute("class", "gauge");
    this.gauge.setAttribute("aria-hidden", "true");
    this.channels = make("p", { className: "channels" });
    section.append(make("p", { className: "label" }, "Light C1 / C2"), make("div", { className: "row" }, this.value, this.word), this.gauge, this.channels);
    this.show(null);
  }

  show(found) {
    const ratio = found && found.ratio;
    drawGauge(this.gauge, ratio && ratio.value, ratio ? ratio.band : 0.05);
    if (!ratio) {
      this.value.textContent = DASH;
      this.word.textContent = found ? "too little light to compare" : "";
      this.word.className = "word";
      this.channels.replaceChildren();
      return;
    }
    const inside = Math.abs(ratio.value - 1) <= ratio.band;
    this.value.textContent = number(ratio.value, ratio.value < 10 ? 3 : 1);
    this.word.className = `word ${inside ? "good" : "bad"}`;
    const much = number(100 * Math.abs(1 - ratio.value), 0, "%");
    this.word.textContent = inside ? "within 5 %" : `C1 is ${much} ${ratio.value > 1 ? "brighter" : "darker"}`;
    const remark = !ratio.sure ? "not of one pulse" : ratio.flat ? "on an even surface" : "on a scene";
    this.channels.replaceChildren(
      ...Object.entries(ratio.channels).filter(([name]) => name !== "Y").map(([name, value]) => make("span", {}, `${name} ${number(value, 3)}`)),
      make("span", {}, remark),
    );
  }
}

const OLD_S = 8;
const REGISTERED = [
  ["Shift x", "px", 2, (offset) => [offset.shift_px[0], offset.shift_error_px[0]]],
  ["Shift y", "px", 2, (offset) => [offset.shift_px[1], offset.shift_error_px[1]]],
  ["Roll", "mrad", 2, (offset) => [offset.roll_mrad, offset.roll_error_mrad]],
  ["Scale", "\u2030", 2, (offset) => [offset.scale_permille, offset.scale_error_permille]],
];

function signed(value, digits) {
  const text = number(value, digits);
  return value > 0 && Number(value.toFixed(digits)) !== 0 ? `+${text}` : text;
}

/** Where C2 lies in C1: the figures for aligning the rig, and how old they are. */
export class RegistrationPanel {
  constructor(section) {
    this.section = section;
    this.takenMs = null;
    this.age = make("span", { id: "registration-age" });
    this.word = make("p", { className: "word", id: "registration-word" });
    this.values = REGISTERED.map(() => make("dd", {}, DASH));
    this.list = make("dl", {}, ...REGISTERED.map(([name], at) => make("div", { title: "± is the standard error" }, make("dt", {}, name), this.values[at])));
    section.append(make("p", { className: "label" }, make("b", {}, "C2 in C1"), this.age), this.list, this.word);
    this.show(null, null);
  }

  show(found, ageS) {
    this.takenMs = found ? performance.now() - 1000 * ageS : null;
    const offset = found && found.offset;
    this.list.hidden = Boolean(found) && !offset;
    REGISTERED.forEach(([, unit, digits, read], at) => {
      if (!offset) {
        this.values[at].replaceChildren(DASH);
        return;
      }
      const [value, error] = read(offset);
      this.values[at].replaceChildren(signed(value, digits), make("small", {}, ` ± ${number(error, digits, unit)}`));
    });
    if (offset) this.word.textContent = "";
    else this.word.textContent = found ? `cannot be told: ${found.text}` : "";
    this.word.hidden = !this.word.textContent;
    this.unsure = Boolean(offset) && !found.sure;
    this.tick();
  }

  tick() {
    const ageS = this.takenMs === null ? null : (performance.now() - this.takenMs) / 1000;
    this.age.textContent = ageS === null ? "" : `${duration(ageS)} ago${this.unsure ? ", not of one pulse" : ""}`;
    this.section.classList.toggle("old", ageS !== null && ageS > OLD_S);
  }
}

/** Cameras, trigger and disk. */
export class RigPanel {
  show(status) {
    const sync = document.getElementById("sync");
    sync.dataset.sync = status.sync.state;
    document.getElementById("sync-name").textContent = SYNC[status.sync.state];
    document.getElementById("sync-text").textContent = status.sync.text;
    const cells = [
      (line) => [STATES[line.state], line.state === "lost"],
      (line) => [number(line.rate_hz, line.rate_hz < 100 ? 2 : 1), false],
      (line) => [line.frames === null ? DASH : String(line.frames), false],
      (line) => [line.lost === null ? DASH : String(line.lost), line.lost > 0],
      (line) => [number(line.ring_fill === null ? null : 100 * line.ring_fill, 0, "%"), line.ring_fill > FULL_RING],
      (line) => [line.temperature_c === null ? DASH : `${number(line.temperature_c, 1)}°`, false],
    ];
    document.getElementById("rig-rows").replaceChildren(
      ...ROLES.map((role) => make("tr", {}, make("th", { scope: "row" }, NAMES[role]), ...cells.map((cell) => {
        const [text, bad] = cell(status[role]);
        return make("td", { className: bad ? "bad" : "" }, text);
      }))),
    );
    for (const role of ROLES) document.getElementById(`view-${role}`).classList.toggle("lost", status[role].state === "lost");
    const disk = status.disk;
    const parts = [];
    if (disk.free_bytes !== null) parts.push(`${number(disk.free_bytes / 1e9, disk.free_bytes < 1e11 ? 1 : 0, "GB")}`);
    if (disk.left_s !== null) parts.push(`${duration(disk.left_s)} left`);
    if (disk.write_mb_s !== null) parts.push(number(disk.write_mb_s, disk.write_mb_s < 10 ? 1 : 0, "MB/s"));
    document.getElementById("disk").textContent = parts.length ? `Disk ${parts.join(" · ")}` : "";
  }
}

export function showHead(status) {
  const facts = { Rig: status.rig, Session: status.session, Setting: status.setting, Rate: status.rate_hz ? `${number(status.rate_hz, Number.isInteger(status.rate_hz) ? 0 : 3)} frames/s` : "" };
  document.getElementById("head-facts").replaceChildren(
    ...Object.entries(facts).filter(([, text]) => text).map(([name, text]) => make("div", { "data-fact": name }, make("dt", {}, name), make("dd", { title: text }, text))),
  );
}

/** What the operator should know; each line says what to do. */
export function warnings(status, found) {
  const lines = [];
  for (const role of ROLES) {
    const name = NAMES[role];
    if (status[role].state === "lost" && status.take.state === "recording") lines.push(["bad", `${name} is lost: check its cable and power; it is looked for again`]);
    if (status[role].lost > 0) lines.push(["bad", `${name}: ${status[role].lost} frame${status[role].lost > 1 ? "s" : ""} of this take lost`]);
    if (status[role].ring_fill > FULL_RING) lines.push(["bad", `${name}: memory is ${number(100 * status[role].ring_fill, 0, "%")} full; the disk is too slow for this rate`]);
    const view = found && found[role];
    const most = view && Object.entries(view.clipped).sort((a, b) => b[1] - a[1])[0];
    if (most && most[1] > CLIPPED) {
      lines.push(["", `${name}: ${number(100 * most[1], most[1] < 0.1 ? 1 : 0, "%")} of the ${CHANNELS[most[0]]} samples are clipped; take less light or less gain`.replace("  ", " ")]);
    }
  }
  if (status.sync.state === "out_of_step") lines.push(["bad", `Out of sync${status.sync.text ? `: ${status.sync.text}` : ""}`]);
  if (status.disk.left_s !== null && status.disk.left_s < LITTLE_TIME_S) lines.push(["bad", `The disk has room for ${duration(status.disk.left_s)} only`]);
  lines.push(...status.warnings.map((text) => ["", text]));
  return lines;
}

export function showWarnings(lines) {
  const list = document.getElementById("warnings");
  const key = JSON.stringify(lines);
  if (list.dataset.key === key) return; // a screen reader would read it all again
  list.dataset.key = key;
  list.replaceChildren(...lines.slice(0, 5).map(([tone, text]) => make("li", { className: tone }, text)));
  if (!lines.length) list.append(make("li", { className: "none" }, "No warnings"));
  if (lines.length > 5) list.append(make("li", {}, `and ${lines.length - 5} more`));
}
