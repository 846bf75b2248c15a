// The network picture with a panel that tells of the edge or node under the pointer, focused or selected.

import { html } from "./dom.js";
import { number, percent } from "./format.js";
import { chart } from "./chart.js";
import { drawNetwork } from "./network.js";

function name(graph, edge, end) {
  return end === 0 ? graph.layers[edge.layer][edge.from].name : graph.layers[edge.layer + 1][edge.to].name;
}

/**
 * Draws the network and keeps the panel.
 *
 * @param {HTMLElement} place Where the picture goes; its static stand-in is replaced.
 * @param {HTMLElement} panel Where details go.
 * @param {object} graph As `drawNetwork` takes it.
 * @returns {{mark: function(object)}} `mark(found)` shows the values that `traced` gives.
 */
export function explorer(place, panel, graph) {
  let found = null;
  let meant = null;
  let move = () => {};
  const picture = drawNetwork(place, graph, { label: "Network. Arrow keys move between nodes and edges, Enter selects." });
  const strongest = [...graph.edges].sort((a, b) => (b.share ?? 0) - (a.share ?? 0))[0];

  function edgeDetails(edge) {
    const title = `${name(graph, edge, 0)} → ${name(graph, edge, 1)}`;
    const facts = [];
    facts.push(edge.label ? `function ${edge.label}` : "spline");
    facts.push(edge.share === null ? "share unknown" : `${percent(edge.share)} of the variance of its layer`);
    if (!edge.finite) facts.push("not finite everywhere: gaps in the curve");
    const xName = edge.layer === 0 ? name(graph, edge, 0) : `${name(graph, edge, 0)} (network units)`;
    const drawn = chart({ ...edge, x: edge.x, y: edge.y.map((y) => y ?? NaN), xName }, { width: 330, height: 220, label: `Curve of ${title}` });
    const now = html("p", { class: "now aside" });
    move = () => {
      const [x, y] = found?.edges[edge.id] ?? [NaN, NaN];
      drawn.mark(x, y);
      now.textContent = Number.isFinite(y) ? `now: ${number(x)} gives ${number(y)}` : "";
    };
    panel.replaceChildren(html("h3", {}, title), html("p", {}, facts.join(", ")), drawn.element, now);
    move();
  }

  function nodeDetails(node) {
    const own = graph.layers[node.layer][node.index];
    const joined = own.kind === "product" ? "multiplies sums of" : node.layer === 0 ? "" : "adds";
    const list = (edges, text) => edges.length && html("div", {}, html("p", {}, text), html("ul", {}, edges.slice(0, 12).map((edge) => {
      const go = html("button", { type: "button", class: "link" }, `${name(graph, edge, 0)} → ${name(graph, edge, 1)}`);
      go.addEventListener("click", () => { picture.select({ edge: edge.id }); meant = { edge }; show(meant); });
      return html("li", {}, go, ` ${[edge.label, percent(edge.share)].filter(Boolean).join(", ")}`);
    })));
    const byShare = (a, b) => (b.share ?? 0) - (a.share ?? 0);
    const into = graph.edges.filter((edge) => edge.layer + 1 === node.layer && edge.to === node.index).sort(byShare);
    const from = graph.edges.filter((edge) => edge.layer === node.layer && edge.from === node.index).sort(byShare);
    const now = html("p", { class: "now aside" });
    move = () => {
      const value = found?.nodes[node.layer]?.[node.index];
      now.textContent = Number.isFinite(value) ? `now: ${number(value)} in network units` : "";
    };
    const parts = [list(into, `${joined.charAt(0).toUpperCase()}${joined.slice(1)} ${into.length} edges:`), list(from, `Goes into ${from.length} edges:`)];
    panel.replaceChildren(html("h3", {}, own.name), ...parts.filter(Boolean), now);
    move();
  }

  function show(detail) {
    if (detail?.edge) edgeDetails(detail.edge);
    else if (detail?.node) nodeDetails(detail.node);
  }

  for (const kind of ["edge", "node"]) {
    place.addEventListener(`${kind}-hover`, (event) => show(event.detail ?? meant));
    place.addEventListener(`${kind}-select`, (event) => { meant = event.detail; if (meant) show(meant); });
  }
  if (strongest) {
    meant = { edge: strongest };
    edgeDetails(strongest);
  }
  const { edges } = picture.leftOut();
  if (edges > 0) place.after(html("p", { class: "aside" }, `${graph.edges.length - edges} edges are drawn, those with the largest shares; ${edges} more are in the table.`));
  return {
    mark(values) {
      found = values;
      picture.mark(Object.fromEntries(Object.entries(values?.edges ?? {})));
      move();
    },
  };
}
