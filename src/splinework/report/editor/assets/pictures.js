// Small pictures: a function over the edge that it may replace, and the same curve in two states.

import { html, svg } from "./dom.js";
import { number, ticks } from "./format.js";
import { path } from "./chart.js";

function ends(lists) {
  const finite = lists.flat().filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return finite.length === 0 ? [0, 1] : low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** The edge in grey and a function in colour. */
export function smallPicture(u, values, curve, name) {
  const [width, height] = [96, 40];
  const drawn = svg("svg", { class: "small", role: "img", "aria-label": name, viewBox: `0 0 ${width} ${height}`, width, height });
  const [left, right] = ends([u]);
  const [low, high] = ends([values, curve]);
  const across = (x) => 3 + ((width - 6) * (x - left)) / (right - left);
  const up = (y) => height - 3 - ((height - 6) * (y - low)) / (high - low);
  const line = (ys) => path(u.map(across), ys.map((y) => (Number.isFinite(y) ? up(y) : NaN)));
  drawn.append(svg("path", { class: "before", d: line(values) }), svg("path", { class: "after", d: line(curve) }));
  return drawn;
}

/** Two curves in one chart, the first dashed and grey, the second in colour. */
export function twoCurves(xs, ys, { label, caption, width = 300, height = 170 }) {
  const margin = { left: 46, right: 8, top: 8, bottom: 22 };
  const [left, right] = ends(xs);
  const [lowest, highest] = ends(ys);
  const [low, high] = [lowest - 0.05 * (highest - lowest), highest + 0.05 * (highest - lowest)];
  const across = (x) => margin.left + ((width - margin.left - margin.right) * (x - left)) / (right - left);
  const up = (y) => height - margin.bottom - ((height - margin.top - margin.bottom) * (y - low)) / (high - low);
  const drawn = svg("svg", { class: "chart", role: "img", "aria-label": label, viewBox: `0 0 ${width} ${height}`, width, height });
  for (const value of ticks(low, high, 3)) {
    drawn.append(svg("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: up(value), y2: up(value) }));
    drawn.append(svg("text", { x: margin.left - 5, y: up(value) + 4, "text-anchor": "end" }, number(value, 3)));
  }
  for (const value of ticks(left, right, 4)) {
    drawn.append(svg("text", { x: across(value), y: height - 6, "text-anchor": "middle" }, number(value, 3)));
  }
  ["before", "after"].forEach((kind, place) => {
    const there = xs[place].map((x) => (Number.isFinite(x) ? across(x) : NaN));
    drawn.append(svg("path", { class: kind, d: path(there, ys[place].map((y) => (Number.isFinite(y) ? up(y) : NaN))) }));
  });
  return html("figure", { class: "pair" }, drawn, html("figcaption", {}, caption));
}
