// Drawings: histograms and the gauge of C1/C2. All of it is built from elements, never from text.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 256;
const HEIGHT = 100;

export function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** Histogram of each channel on a square-root scale, so that small tails are seen; clipping is marked at the right edge. */
export function drawHistogram(svg, view) {
  const top = Math.max(1, ...Object.values(view.histogram).flatMap((counts) => counts.slice(0, -1)));
  const parts = [];
  const names = Object.keys(view.histogram);
  const share = HEIGHT / names.length;
  names.forEach((name, place) => {
    const counts = view.histogram[name];
    const step = WIDTH / counts.length;
    const points = counts.map((count, bin) => {
      const y = HEIGHT - Math.min(1, Math.sqrt(count / top)) * (HEIGHT - 4);
      return `${bin ? "L" : "M"}${(bin * step).toFixed(1)} ${y.toFixed(1)}H${((bin + 1) * step).toFixed(1)}`;
    });
    parts.push(element("path", { class: name, d: points.join("") }));
    if (isClipped(view.clipped[name])) {
      parts.push(element("rect", { class: "edge", "data-channel": name, x: WIDTH - 7, y: place * share + 1, width: 7, height: share - 2 }));
    }
  });
  const black = view.black * WIDTH;
  if (black > 0.5) parts.push(element("line", { class: "black", x1: black, x2: black, y1: 0, y2: HEIGHT }));
  svg.replaceChildren(...parts);
}

/** More than one sample in a thousand: a highlight or two are no matter. */
export function isClipped(share) {
  return share > 0.001;
}

const LEAST = 0.75;
const MOST = 1.34;

function place(value) {
  const shown = Math.min(MOST, Math.max(LEAST, value));
  return (Math.log(shown / LEAST) / Math.log(MOST / LEAST)) * 100;
}

/** A scale around 1 with the band that is allowed, and a needle. */
export function drawGauge(svg, value, band) {
  const percent = (share) => `${share.toFixed(2)}%`;
  const inside = value !== null && Math.abs(value - 1) <= band;
  const parts = [
    element("rect", { class: "track", x: 0, y: 8, width: "100%", height: 12, rx: 4 }),
    element("rect", { class: "band", x: percent(place(1 - band)), y: 5, width: percent(place(1 + band) - place(1 - band)), height: 18, rx: 3 }),
  ];
  for (const mark of [0.8, 0.9, 1, 1.1, 1.25]) {
    parts.push(element("text", { x: percent(place(mark)), y: 35 }, String(mark)));
  }
  if (value !== null) {
    const needle = element("svg", { x: percent(place(value)), y: 0, overflow: "visible" });
    needle.append(element("rect", { class: inside ? "needle" : "needle out", x: -3, y: 0, width: 6, height: 28, rx: 3 }));
    parts.push(needle);
  }
  svg.replaceChildren(...parts);
}
