// Error against complexity of formulas; a point chooses the formula that is shown.

import { html, svg } from "./dom.js";
import { number, ticks } from "./format.js";

const [HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [250, 66, 40, 12, 14];

/**
 * Draws the points and joins them with panels.
 *
 * @param {HTMLElement} place Where the picture goes.
 * @param {object[]} points `key`, `label`, `complexity`, `error` of each formula, of one target.
 * @param {HTMLElement[]} panels With `data-formula` equal to a key.
 */
export function paretoChooser(place, points, panels) {
  const usable = points.filter((point) => point.error > 0 && Number.isFinite(point.error));
  const select = html("select", { id: `choose-${points[0].key}` }, points.map((point) => html("option", { value: point.key }, point.label)));
  const marks = new Map();

  function choose(key) {
    for (const panel of panels) panel.hidden = panel.dataset.formula !== key;
    for (const [own, mark] of marks) {
      mark.setAttribute("aria-pressed", String(own === key));
      mark.classList.toggle("chosen", own === key);
    }
    select.value = key;
  }

  if (usable.length > 1) {
    const width = Math.min(620, Math.max(280, place.clientWidth));
    const logs = usable.map((point) => Math.log10(point.error));
    const [low, high] = [Math.min(...logs) - 0.15, Math.max(...logs) + 0.15];
    const most = Math.max(...usable.map((point) => point.complexity));
    const least = Math.min(...usable.map((point) => point.complexity));
    const across = (x) => LEFT + 14 + ((width - LEFT - RIGHT - 28) * (x - least)) / Math.max(1, most - least);
    const up = (log) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (log - low) / (high - low));
    const drawn = svg("svg", { class: "chart pareto", role: "group", "aria-label": "Error against complexity; each point is a formula", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT });
    const axes = svg("g", { class: "axes" });
    for (const log of ticks(low, high, 4)) {
      axes.append(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: up(log), y2: up(log) }));
      axes.append(svg("text", { x: LEFT - 6, y: up(log) + 4, "text-anchor": "end" }, number(10 ** log, 2)));
    }
    for (const x of ticks(least, most, 8).filter(Number.isInteger)) axes.append(svg("text", { x: across(x), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, String(x)));
    axes.append(svg("text", { class: "name", x: (LEFT + width) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "complexity"));
    axes.append(svg("text", { class: "name", x: -(HEIGHT - BOTTOM) / 2, y: 12, "text-anchor": "middle", transform: "rotate(-90)" }, "error (RMSE)"));
    drawn.append(axes);
    const front = [];
    for (const point of [...usable].sort((a, b) => a.complexity - b.complexity || a.error - b.error)) {
      if (!front.length || point.error < front[front.length - 1].error) front.push(point);
    }
    drawn.append(svg("path", { class: "front", d: front.map((point, place_) => `${place_ ? "L" : "M"}${across(point.complexity)},${up(Math.log10(point.error))}`).join("") }));
    for (const point of usable) {
      const mark = svg("g", { role: "button", tabindex: 0, "aria-label": point.label, "aria-pressed": "false" },
        svg("title", {}, point.label),
        svg("circle", { class: "target", cx: across(point.complexity), cy: up(Math.log10(point.error)), r: 12 }),
        svg("circle", { class: "point", cx: across(point.complexity), cy: up(Math.log10(point.error)), r: 5.5 }));
      mark.addEventListener("click", () => choose(point.key));
      mark.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(point.key); }
      });
      marks.set(point.key, mark);
      drawn.append(mark);
    }
    place.append(drawn);
  }
  if (points.length > 1) place.append(html("p", { class: "choices" }, html("label", { for: select.id }, "Formula "), select));
  select.addEventListener("change", () => choose(select.value));
  choose(points[0].key);
  return { choose };
}
