// A small line chart as SVG: curves with bands over a density of data, axes with round ticks, and a marker.

import { html, svg } from "./dom.js";
import { number, ticks } from "./format.js";

const MARGIN = { left: 52, right: 10, top: 10, bottom: 34 };

function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  if (!(low <= high)) return [0, 1];
  if (low === high) return [low - Math.max(1, Math.abs(low)) / 2, high + Math.max(1, Math.abs(low)) / 2];
  return [low, high];
}

/** The commands of a path through points; parts that are not finite are gaps. */
export function path(xs, ys) {
  let commands = "";
  let open = false;
  xs.forEach((x, place) => {
    const finite = Number.isFinite(x) && Number.isFinite(ys[place]);
    if (finite) commands += `${open ? "L" : "M"}${x.toFixed(2)},${ys[place].toFixed(2)}`;
    open = finite;
  });
  return commands;
}

/**
 * Draws a chart.
 *
 * @param {object} data `x` and `y` of the curve; optional: `band` [low, high] with lists as long as x, `density` (counts of
 *   equal cells between the ends of x), `rug` (values of x), `marker` [x, y], `xName`, `yName`, `yRange` [low, high].
 * @param {object} options `width` and `height` in pixels, `label` for screen readers.
 * @returns {{element: SVGElement, mark: function(number, number): void}} The chart, and a function that moves the marker.
 */
export function chart(data, { width = 320, height = 200, label = "Curve" } = {}) {
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const [left, right] = extent([data.x]);
  const [drawnLow, drawnHigh] = data.yRange ?? extent([data.y, ...(data.band ?? [])]);
  const room = data.yRange ? 0 : 0.06 * (drawnHigh - drawnLow);
  const [low, high] = [drawnLow - room, drawnHigh + room];
  const across = (x) => MARGIN.left + (inner.width * (x - left)) / (right - left);
  const up = (y) => MARGIN.top + inner.height * (1 - (y - low) / (high - low));
  const floor = MARGIN.top + inner.height;
  const drawn = svg("svg", { class: "chart", role: "img", "aria-label": label, viewBox: `0 0 ${width} ${height}`, width, height });

  if (data.density?.length) {
    const most = Math.max(...data.density, 1);
    const wide = inner.width / data.density.length;
    const bars = data.density.map((count, place) => {
      const tall = 0.3 * inner.height * (count / most);
      return count && svg("rect", { x: MARGIN.left + wide * place + 0.5, y: floor - tall, width: Math.max(0.5, wide - 1), height: tall });
    });
    drawn.append(svg("g", { class: "density" }, bars.filter(Boolean)));
  }
  const axes = svg("g", { class: "axes" });
  for (const value of ticks(low, high, 4)) {
    axes.append(svg("line", { class: value === 0 ? "zero" : "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: up(value), y2: up(value) }));
    axes.append(svg("text", { x: MARGIN.left - 6, y: up(value) + 4, "text-anchor": "end" }, number(value, 3)));
  }
  for (const value of ticks(left, right, Math.max(2, Math.floor(inner.width / 70)))) {
    axes.append(svg("line", { class: "tick", x1: across(value), x2: across(value), y1: floor, y2: floor + 4 }));
    axes.append(svg("text", { x: across(value), y: floor + 16, "text-anchor": "middle" }, number(value, 3)));
  }
  if (data.xName) axes.append(svg("text", { class: "name", x: MARGIN.left + inner.width / 2, y: height - 4, "text-anchor": "middle" }, data.xName));
  drawn.append(axes);
  if (data.band) {
    const [lower, upper] = data.band;
    const there = [...data.x.map(across), ...[...data.x].reverse().map(across)];
    const edge = [...upper.map(up), ...[...lower].reverse().map(up)];
    if (edge.every(Number.isFinite)) drawn.append(svg("path", { class: "band", d: `${path(there, edge)}Z` }));
  }
  drawn.append(svg("path", { class: "curve", d: path(data.x.map(across), data.y.map(up)) }));
  if (data.rug?.length) {
    const marks = data.rug.map((x) => `M${across(x).toFixed(1)},${floor}v-5`).join("");
    drawn.append(svg("path", { class: "rug", d: marks }));
  }
  const marker = svg("circle", { class: "marker", r: 4.5 });
  drawn.append(marker);
  function mark(x, y) {
    const seen = Number.isFinite(x) && Number.isFinite(y);
    marker.toggleAttribute("hidden", !seen);
    marker.style.display = seen ? "" : "none";
    if (!seen) return;
    marker.setAttribute("cx", Math.min(width - MARGIN.right, Math.max(MARGIN.left, across(x))).toFixed(2));
    marker.setAttribute("cy", Math.min(floor, Math.max(MARGIN.top, up(y))).toFixed(2));
  }
  mark(...(data.marker ?? [NaN, NaN]));
  return { element: drawn, mark };
}

/** A chart with its caption. */
export function captioned(element, caption) {
  return html("figure", { class: "live-figure" }, element, html("figcaption", {}, caption));
}
