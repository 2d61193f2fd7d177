"use strict";
(() => {
  const make = (name, fields) => Object.assign(document.createElement(name), fields);

  const chooser = (layers, side, chosen, onChange) => {
    const select = make("select", {});
    select.setAttribute("aria-label", `Picture on the ${side}`);
    layers.forEach((layer, i) => select.append(new Option(layer.dataset.label, String(i))));
    select.value = String(chosen);
    select.addEventListener("change", onChange);
    return select;
  };

  const enliven = (widget) => {
    const stage = widget.querySelector(".stage");
    const controls = widget.querySelector(".controls");
    const layers = [...stage.querySelectorAll(".layer")];
    const range = make("input", { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
    range.setAttribute("aria-label", "Where the two pictures meet, percent from the left");
    const show = () => {
      layers.forEach((layer, i) => {
        layer.classList.toggle("left", String(i) === left.value);
        layer.classList.toggle("right", String(i) === right.value && left.value !== right.value);
      });
      stage.style.setProperty("--at", `${range.value}%`);
    };
    const left = chooser(layers, "left", widget.dataset.left, show);
    const right = chooser(layers, "right", widget.dataset.right, show);
    controls.style.cssText = stage.style.cssText;
    controls.append(left, range, right);
    range.addEventListener("input", show);

    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      range.value = (100 * (event.clientX - box.left)) / box.width;
      show();
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      follow(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) follow(event);
    });
    widget.classList.add("live");
    show();
  };

  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, "en", { numeric: true });
  };
  const sortable = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    if (body.rows.length < 3) return;
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows];
        rows.sort((a, b) => (up ? 1 : -1) * compare(key(a, column), key(b, column)));
        body.append(...rows);
      });
    });
  };

  document.querySelectorAll(".comparison").forEach(enliven);
  document.querySelectorAll("table[data-sortable]").forEach(sortable);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
  });
})();
