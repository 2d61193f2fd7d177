// The pictures: what the operator wants to see, and how it gets onto the canvases.

const ROLES = ["blurry", "sharp"];
const NAMES = { blurry: "C1", sharp: "C2" };
const ONE = new Set(["overlay", "blink", "difference", "anaglyph"]);
const BLINK_MS = 400;
const GAINS = [1, 2, 4, 8];
const ZOOMS = [0, 1, 4];
const LEGENDS = {
  overlay: "half of each: what is not aligned shows twice",
  difference: "grey: equal · brighter: more light in C1 · darker: more in C2",
  anaglyph: "C1 in red, C2 in cyan: coloured fringes are not aligned",
};

export class Stage {
  constructor(onLook) {
    this.onLook = onLook;
    this.mode = "side";
    this.zoom = 0;
    this.x = 0.5;
    this.y = 0.5;
    this.gain = 1;
    this.full = [640, 480];
    this.shown = false;
    this.blinking = { pictures: {}, turn: 0 };
    this.views = document.getElementById("views");
    this.canvases = Object.fromEntries(["blurry", "sharp", "both"].map((name) => [name, document.getElementById(`canvas-${name}`)]));
    this.listen();
    setInterval(() => this.blink(), BLINK_MS);
  }

  listen() {
    for (const button of document.querySelectorAll("button[data-mode]")) {
      button.addEventListener("click", () => this.set({ mode: button.dataset.mode }));
    }
    for (const button of document.querySelectorAll("button[data-zoom]")) {
      button.addEventListener("click", () => this.set({ zoom: Number(button.dataset.zoom) }));
    }
    document.getElementById("gain").addEventListener("click", () => this.brighten());
    for (const box of document.querySelectorAll(".box")) this.dragIn(box);
    new ResizeObserver(() => this.zoom && this.ask()).observe(this.views);
  }

  dragIn(box) {
    let from = null;
    box.addEventListener("pointerdown", (event) => {
      if (!this.zoom || event.button !== 0) return;
      from = { x: event.clientX, y: event.clientY, at: this.within(this.x, this.y) };
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointermove", (event) => {
      if (!from) return;
      const scale = (window.devicePixelRatio || 1) / this.zoom;
      const x = from.at[0] - ((event.clientX - from.x) * scale) / this.full[0];
      const y = from.at[1] - ((event.clientY - from.y) * scale) / this.full[1];
      [this.x, this.y] = this.within(x, y);
      this.ask();
    });
    for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => { from = null; });
    box.addEventListener("dblclick", (event) => {
      if (this.zoom) {
        this.set({ zoom: 0 });
        return;
      }
      const spot = this.spot(box, event);
      if (spot) this.set({ zoom: 1, x: spot[0], y: spot[1] });
    });
  }

  /** Where in the view a click on the whole picture lies, as shares; the picture is centred in its box. */
  spot(box, event) {
    const place = box.getBoundingClientRect();
    const scale = Math.min(place.width / this.full[0], place.height / this.full[1]);
    const x = 0.5 + (event.clientX - place.left - place.width / 2) / (scale * this.full[0]);
    const y = 0.5 + (event.clientY - place.top - place.height / 2) / (scale * this.full[1]);
    return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? [x, y] : null;
  }

  brighten() {
    this.set({ gain: GAINS[(GAINS.indexOf(this.gain) + 1) % GAINS.length] });
  }

  nextZoom() {
    this.set({ zoom: ZOOMS[(ZOOMS.indexOf(this.zoom) + 1) % ZOOMS.length] });
  }

  pan(right, down) {
    if (!this.zoom) return;
    const [width, height] = this.crop();
    const at = this.within(this.x, this.y);
    [this.x, this.y] = this.within(at[0] + (right * width) / 8 / this.full[0], at[1] + (down * height) / 8 / this.full[1]);
    this.ask();
  }

  /** The nearest centre whose part lies within the view. */
  within(x, y) {
    const room = this.crop().map((size, axis) => Math.min(0.5, size / 2 / this.full[axis]));
    return [x, y].map((share, axis) => Math.min(1 - room[axis], Math.max(room[axis], share)));
  }

  set(changes) {
    Object.assign(this, changes);
    this.views.dataset.layout = ONE.has(this.mode) ? "one" : "two";
    document.getElementById("view-both").hidden = !ONE.has(this.mode);
    for (const role of ROLES) document.getElementById(`view-${role}`).hidden = ONE.has(this.mode);
    this.views.toggleAttribute("data-zoomed", this.zoom > 0);
    for (const button of document.querySelectorAll("button[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset.mode === this.mode));
    for (const button of document.querySelectorAll("button[data-zoom]")) button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === this.zoom));
    document.getElementById("gain-value").textContent = `×${this.gain}`;
    document.getElementById("gain").setAttribute("aria-label", `Brighten the display, ${this.gain} times`);
    this.ask();
  }

  /** Sensor pixels that one view has room for. */
  crop() {
    const box = document.querySelector(`#view-${ONE.has(this.mode) ? "both" : "blurry"} .box`);
    const scale = (window.devicePixelRatio || 1) / this.zoom;
    return [box.clientWidth, box.clientHeight].map((side) => Math.min(2048, Math.max(16, Math.floor(side * scale))));
  }

  /** Tell the server; while a finger moves, only the last wish of each moment. */
  ask() {
    if (this.asking) return;
    this.asking = setTimeout(() => {
      this.asking = 0;
      this.onLook(this.look());
    }, 30);
  }

  look() {
    const [width, height] = this.zoom ? this.crop() : [640, 480];
    return { kind: "look", mode: this.mode, zoom: this.zoom > 0, x: this.x, y: this.y, width, height, gain: this.gain };
  }

  /** Name of the region that focus is scored in; a new region begins new maxima. */
  get region() {
    return this.zoom ? `${this.zoom} ${this.x.toFixed(3)} ${this.y.toFixed(3)}` : "whole";
  }

  async draw(head, blobs) {
    const pictures = await Promise.all(blobs.map((blob) => createImageBitmap(blob)));
    const full = head.full.blurry || head.full.sharp;
    this.full = full;
    this.views.style.setProperty("--aspect", `${full[0]} / ${full[1]}`);
    if (head.mode !== this.mode || head.zoom !== this.zoom > 0) {
      for (const picture of pictures) picture.close();
      return; // of a look that was left in the meantime
    }
    this.shown = true;
    if (head.mode === "blink" && head.roles) {
      this.keepForBlink(head, pictures);
      return;
    }
    (head.roles || ["both"]).forEach((name, index) => {
      const only = ONE.has(head.mode) ? "both" : name;
      this.put(only, pictures[index], head);
      pictures[index].close();
    });
    if (ONE.has(head.mode)) {
      document.getElementById("both-name").textContent = head.roles ? head.roles.map((role) => NAMES[role]).join("") : "C1 and C2";
      document.getElementById("both-legend").textContent = LEGENDS[head.mode] || "";
    }
  }

  put(name, picture, head) {
    const canvas = this.canvases[name];
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.classList.toggle("zoomed", head.zoom);
    const scale = head.zoom ? this.zoom / (window.devicePixelRatio || 1) : 0;
    canvas.style.width = scale ? `${picture.width * scale}px` : "";
    canvas.style.height = scale ? `${picture.height * scale}px` : "";
    canvas.dataset.mode = head.mode;
    canvas.dataset.zoom = String(head.zoom ? this.zoom : 0);
    canvas.dataset.number = String(head.number);
    canvas.dataset.frame = JSON.stringify(head.numbers);
  }

  keepForBlink(head, pictures) {
    for (const old of Object.values(this.blinking.pictures)) old.close();
    this.blinking.pictures = Object.fromEntries(head.roles.map((role, index) => [role, pictures[index]]));
    this.blinking.head = head;
    this.showBlink();
  }

  blink() {
    if (this.mode !== "blink" || !this.blinking.head) return;
    this.blinking.turn = 1 - this.blinking.turn;
    this.showBlink();
  }

  showBlink() {
    const role = ROLES[this.blinking.turn];
    const picture = this.blinking.pictures[role];
    if (!picture || this.blinking.head.zoom !== this.zoom > 0) return;
    this.put("both", picture, this.blinking.head);
    this.canvases.both.dataset.role = role;
    document.getElementById("both-name").textContent = NAMES[role];
    document.getElementById("both-legend").textContent = role === "blurry" ? "blurry" : "sharp";
  }
}
