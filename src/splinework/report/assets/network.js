// The picture of a network: nodes, edges with their curves, and events for hovering, focusing and selecting them.
//
//   const picture = drawNetwork(container, graph, options);
//   container.addEventListener("edge-select", (event) => … event.detail.edge …);
//
// graph = { layers: [[{ name, kind }]], edges: [{ id, layer, from, to, share, label, state, x, y }] }
//   layers  nodes from the inputs to the outputs; kind is "input", "sum" or "product"
//   edge    from node `from` of layer `layer` to node `to` of layer `layer + 1`; id is unique; share of the variance, or null;
//           label is the name of its function, or null; state is "spline", "function", "frozen" or "pruned"; x and y its curve
// Events bubble from the container. detail = { edge } or { node: { layer, index, name } }; null where nothing is meant.
//   edge-hover, edge-select, node-hover, node-select

import { shortened, svg } from "./dom.js";
import { percent } from "./format.js";
import { path } from "./chart.js";
import { drawnPart, insideBox, layOut, wires } from "./network_layout.js";

const MAX_EDGES = 300;

function edgeName(graph, edge) {
  const ends = `${graph.layers[edge.layer][edge.from].name} → ${graph.layers[edge.layer + 1][edge.to].name}`;
  const parts = [ends];
  if (edge.state === "pruned") parts.push("pruned");
  else if (edge.label) parts.push(edge.label);
  if (edge.state === "frozen") parts.push("frozen");
  if (edge.share !== null && edge.share !== undefined) parts.push(`${percent(edge.share)} of the variance`);
  return parts.join(", ");
}

/**
 * Draws a network into a container.
 *
 * @param {HTMLElement} container Emptied first; the picture follows its width.
 * @param {object} graph See above.
 * @param {object} options `label` for screen readers; `maxEdges`, 300 by default.
 * @returns {object} `update(graph)` draws another graph and keeps the selection where it still exists; `select({edge})`,
 *   `select({node})`, `select(null)` select without an event; `mark({id: [x, y]})` puts a point on curves; `leftOut()` counts
 *   what was not drawn; `destroy()`.
 */
export function drawNetwork(container, graph, options = {}) {
  let shown = graph;
  let part = null;
  let width = 0;
  let selected = null; // { edge: id } or { node: "layer:index" }
  let columns = []; // elements that take the focus: nodes, edges, nodes, …
  let marks = new Map();
  let points = {};
  let labels = []; // texts are beside the controls, whose names are their labels for screen readers

  function tell(name, detail) {
    container.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  function control(element, label, kind, detail) {
    element.setAttribute("role", "button");
    element.setAttribute("tabindex", "-1");
    element.setAttribute("aria-label", label);
    element.setAttribute("aria-pressed", "false");
    element.append(svg("title", {}, label));
    const meant = () => detail;
    element.addEventListener("pointerenter", () => tell(`${kind}-hover`, meant()));
    element.addEventListener("pointerleave", () => tell(`${kind}-hover`, null));
    element.addEventListener("focus", () => { reach(element); tell(`${kind}-hover`, meant()); });
    element.addEventListener("blur", () => tell(`${kind}-hover`, null));
    element.addEventListener("click", () => choose(element, kind, detail));
  }

  function choose(element, kind, detail) {
    const key = kind === "edge" ? { edge: detail.edge.id } : { node: `${detail.node.layer}:${detail.node.index}` };
    const again = selected && selected.edge === key.edge && selected.node === key.node;
    show(again ? null : key);
    tell(`${kind}-select`, again ? null : detail);
  }

  function reach(element) {
    for (const each of columns.flat()) each.setAttribute("tabindex", each === element ? "0" : "-1");
  }

  function show(key) {
    selected = key;
    const drawn = container.firstElementChild;
    if (!drawn) return;
    drawn.classList.toggle("has-selection", key !== null);
    for (const element of drawn.querySelectorAll(".edge, .node")) {
      const own = element.classList.contains("edge") ? key?.edge === element.dataset.id : key?.node === element.dataset.id;
      element.classList.toggle("selected", Boolean(own));
      element.setAttribute("aria-pressed", String(Boolean(own)));
      const touched = key?.node && (element.dataset.from === key.node || element.dataset.to === key.node);
      const ends = key?.edge && element.classList.contains("node")
        && shown.edges.some((e) => e.id === key.edge && [`${e.layer}:${e.from}`, `${e.layer + 1}:${e.to}`].includes(element.dataset.id));
      element.classList.toggle("near", Boolean(touched || ends));
    }
  }

  function drawEdge(place, most) {
    const { edge, box } = place;
    const strength = Math.sqrt(Math.max(0, edge.share ?? most) / (most || 1));
    const element = svg("g", { class: `edge ${edge.state ?? "spline"}` });
    element.dataset.id = edge.id;
    element.dataset.from = `${edge.layer}:${edge.from}`;
    element.dataset.to = `${edge.layer + 1}:${edge.to}`;
    const line = wires(place);
    element.append(svg("path", { class: "hit", d: line }));
    const wire = svg("path", { class: "wire", d: line });
    wire.style.strokeWidth = (0.9 + 2.6 * strength).toFixed(2);
    wire.style.opacity = (0.22 + 0.7 * strength).toFixed(2);
    element.append(wire);
    if (box) {
      const inside = insideBox(edge, box);
      const corner = { x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height, rx: 4 };
      element.append(svg("rect", { class: "box", ...corner }));
      const curve = svg("path", { class: "curve", d: path(inside.x, inside.y) });
      curve.style.opacity = (0.65 + 0.35 * strength).toFixed(2);
      element.append(curve);
      if (edge.label) {
        const fits = Math.max(3, Math.floor(box.width / 6));
        labels.push(svg("text", { class: "function", x: box.x, y: box.y + box.height / 2 + 9, "text-anchor": "middle" }, shortened(edge.label, fits)));
      }
      const dot = svg("circle", { class: "marker", r: 3 });
      dot.style.display = "none";
      element.append(dot);
      marks.set(edge.id, { dot, inside, box });
    }
    control(element, edgeName(shown, edge), "edge", { edge });
    return element;
  }

  function drawNode(place, last) {
    const node = shown.layers[place.layer][place.index];
    const outer = place.layer === 0 || place.layer === last;
    const element = svg("g", { class: `node ${node.kind ?? "sum"}` });
    element.dataset.id = `${place.layer}:${place.index}`;
    element.append(svg("circle", { cx: place.x, cy: place.y, r: outer ? 6 : 12 }));
    const symbol = node.kind === "product" ? "×" : node.name;
    if (!outer) labels.push(svg("text", { class: "inside", x: place.x, y: place.y + 4, "text-anchor": "middle" }, shortened(symbol, 4)));
    else {
      const side = place.layer === 0 ? -1 : 1;
      const anchor = side < 0 ? "end" : "start";
      const shownName = shortened(node.name, place.room);
      labels.push(svg("text", { class: "label", x: place.x + 11 * side, y: place.y + 4.5, "text-anchor": anchor }, shownName));
      const wide = 12 + 7.2 * shownName.length;
      element.append(svg("rect", { class: "area", x: side < 0 ? place.x - wide : place.x, y: place.y - 11, width: wide, height: 22 }));
    }
    const what = { input: "input", product: "product" }[node.kind] ?? (place.layer === last ? "output" : "node");
    control(element, `${node.name}, ${what}`, "node", { node: { layer: place.layer, index: place.index, name: node.name } });
    return element;
  }

  function redraw() {
    const focused = container.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    part = drawnPart(shown, options.maxEdges ?? MAX_EDGES);
    width = Math.max(280, container.clientWidth || 640);
    const places = layOut(shown, part, width);
    marks = new Map();
    labels = [];
    const most = Math.max(0, ...part.edges.map((edge) => edge.share ?? 0));
    const drawn = svg("svg", {
      class: "network", role: "group", "aria-label": options.label ?? "Network",
      viewBox: `0 0 ${places.width} ${places.height}`, width: places.width, height: places.height,
    });
    const last = shown.layers.length - 1;
    columns = [];
    const [edgeGroup, nodeGroup] = [svg("g", { class: "edges" }), svg("g", { class: "nodes" })];
    for (let layer = 0; layer <= last; layer += 1) {
      const there = [...places.nodes.values()].filter((place) => place.layer === layer);
      columns.push(there.map((place) => nodeGroup.appendChild(drawNode(place, last))));
      const between = places.edges.filter((place) => place.edge.layer === layer);
      between.sort((a, b) => (a.box && b.box ? a.box.y - b.box.y : 0));
      if (between.length) columns.push(between.map((place) => edgeGroup.appendChild(drawEdge(place, most))));
    }
    drawn.append(edgeGroup, nodeGroup, svg("g", { class: "labels", "aria-hidden": "true" }, labels));
    drawn.addEventListener("keydown", move);
    container.replaceChildren(drawn);
    const all = columns.flat();
    (all.find((each) => each.dataset.id === focused) ?? columns[1]?.[0] ?? all[0])?.setAttribute("tabindex", "0");
    if (focused !== null) all.find((each) => each.dataset.id === focused)?.focus();
    const there = selected && all.some((each) => each.dataset.id === (selected.edge ?? selected.node));
    show(there ? selected : null);
    mark(points);
  }

  function move(event) {
    const column = columns.findIndex((each) => each.includes(event.target));
    if (column < 0) return;
    const row = columns[column].indexOf(event.target);
    const share = (row + 0.5) / columns[column].length;
    const aside = (step) => {
      const next = columns[column + step];
      return next?.[Math.min(next.length - 1, Math.floor(share * next.length))];
    };
    const next = {
      ArrowUp: () => columns[column][row - 1], ArrowDown: () => columns[column][row + 1],
      ArrowLeft: () => aside(-1), ArrowRight: () => aside(1),
      Home: () => columns[0][0], End: () => columns[columns.length - 1][0],
    }[event.key];
    if (next) {
      event.preventDefault();
      next()?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.target.dispatchEvent(new MouseEvent("click"));
    } else if (event.key === "Escape" && selected) {
      const kind = selected.edge === undefined ? "node" : "edge";
      show(null);
      tell(`${kind}-select`, null);
    }
  }

  function mark(values) {
    points = values ?? {};
    for (const [id, { dot, inside, box }] of marks) {
      const [x, y] = points[id] ?? [NaN, NaN];
      const seen = Number.isFinite(x) && Number.isFinite(y);
      dot.style.display = seen ? "" : "none";
      if (!seen) continue;
      const within = (value, middle, size) => Math.min(middle + size / 2, Math.max(middle - size / 2, value));
      dot.setAttribute("cx", within(inside.across(x), box.x, box.width).toFixed(1));
      dot.setAttribute("cy", within(inside.up(y), box.y, box.height).toFixed(1));
    }
  }

  const observer = new ResizeObserver(() => {
    if (Math.max(280, container.clientWidth) !== width) redraw();
  });
  redraw();
  observer.observe(container);
  return {
    update(another) { shown = another; redraw(); },
    select(key) {
      if (key === null || key === undefined) show(null);
      else if (key.edge !== undefined) show({ edge: key.edge.id ?? key.edge });
      else show({ node: typeof key.node === "string" ? key.node : `${key.node.layer}:${key.node.index}` });
    },
    mark,
    leftOut: () => part.leftOut,
    destroy() { observer.disconnect(); container.replaceChildren(); },
  };
}
