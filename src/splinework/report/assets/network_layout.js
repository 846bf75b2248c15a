// Where the nodes and edges of a network are drawn: inputs on the left, outputs on the right. Numbers in, numbers out.

const NODE_STEP = 30;
const BOX = { width: 58, height: 30, step: 40 };
const MAX_BOXES = 18;
const MAX_NODES = 40;
const LETTER = 7.2;

/** Number of letters for which there is room in `pixels`. */
export function lettersIn(pixels) {
  return Math.max(3, Math.floor(pixels / LETTER));
}

/**
 * The part of a graph that is drawn: at most `most` edges, the largest shares first, and at most 40 nodes of a layer.
 *
 * @returns {{edges: object[], nodes: number[][], leftOut: {edges: number, nodes: number}}} Indices of the nodes, layer by layer.
 */
export function drawnPart(graph, most) {
  const byShare = [...graph.edges].sort((a, b) => (b.share ?? 0) - (a.share ?? 0));
  const weights = graph.layers.map((nodes) => nodes.map(() => 0));
  for (const edge of byShare) {
    weights[edge.layer][edge.from] += (edge.share ?? 0) + 1e-9;
    weights[edge.layer + 1][edge.to] += (edge.share ?? 0) + 1e-9;
  }
  const nodes = weights.map((layer) => {
    const all = layer.map((_, place) => place);
    if (all.length <= MAX_NODES) return all;
    return all.sort((a, b) => layer[b] - layer[a]).slice(0, MAX_NODES).sort((a, b) => a - b);
  });
  const kept = nodes.map((layer) => new Set(layer));
  const edges = byShare.filter((edge) => kept[edge.layer].has(edge.from) && kept[edge.layer + 1].has(edge.to)).slice(0, most);
  edges.sort((a, b) => a.layer - b.layer || a.to - b.to || a.from - b.from);
  const total = graph.layers.reduce((sum, layer) => sum + layer.length, 0);
  const drawn = nodes.reduce((sum, layer) => sum + layer.length, 0);
  return { edges, nodes, leftOut: { edges: graph.edges.length - edges.length, nodes: total - drawn } };
}

/**
 * Places of nodes and edges.
 *
 * @returns {{width: number, height: number, nodes: Map<string, object>, edges: object[]}} Nodes by "layer:index" with `x`, `y`
 *   and `room` (letters of the label); edges with `from`, `to`, and `box` where the curve is drawn on the edge.
 */
export function layOut(graph, part, width) {
  const depth = graph.layers.length;
  const longest = (layer) => LETTER * Math.max(1, ...part.nodes[layer].map((n) => graph.layers[layer][n].name.length)) + 14;
  const left = Math.min(0.3 * width, Math.max(28, longest(0)));
  const right = Math.min(0.26 * width, Math.max(28, longest(depth - 1)));
  const gap = (width - left - right - 24) / Math.max(1, depth - 1);
  const counts = Array.from({ length: depth - 1 }, (_, layer) => part.edges.filter((edge) => edge.layer === layer).length);
  const boxed = counts.map((count) => count <= MAX_BOXES && gap >= 86);
  const rows = part.nodes.map((layer) => layer.length * NODE_STEP);
  const height = Math.max(110, ...rows, ...counts.map((count, layer) => (boxed[layer] ? count * BOX.step : 0))) + 16;
  const nodes = new Map();
  part.nodes.forEach((layer, l) => {
    const step = Math.min(height / layer.length, l === 0 || l === depth - 1 ? 72 : 110);
    layer.forEach((n, place) => {
      const y = height / 2 + (place - (layer.length - 1) / 2) * step;
      const room = lettersIn((l === 0 ? left : right) - 12);
      nodes.set(`${l}:${n}`, { layer: l, index: n, x: left + 12 + l * gap, y, room });
    });
  });
  const edges = part.edges.map((edge) => ({
    edge, from: nodes.get(`${edge.layer}:${edge.from}`), to: nodes.get(`${edge.layer + 1}:${edge.to}`), box: null,
  }));
  boxed.forEach((yes, layer) => {
    if (!yes) return;
    const there = edges.filter((each) => each.edge.layer === layer);
    there.sort((a, b) => a.from.y + a.to.y - b.from.y - b.to.y || a.to.y - b.to.y || a.from.y - b.from.y);
    const step = Math.min(height / there.length, 64);
    const wide = Math.min(BOX.width, 0.46 * gap);
    there.forEach((each, place) => {
      const y = height / 2 + (place - (there.length - 1) / 2) * step;
      each.box = { x: left + 12 + (layer + 0.5) * gap, y, width: wide, height: BOX.height };
    });
  });
  return { width, height, nodes, edges };
}

/** Commands of the wires of an edge, through its box where it has one. */
export function wires({ from, to, box }) {
  const bend = (x0, y0, x1, y1) => {
    const middle = (x0 + x1) / 2;
    return `M${x0.toFixed(1)},${y0.toFixed(1)}C${middle.toFixed(1)},${y0.toFixed(1)} ${middle.toFixed(1)},${y1.toFixed(1)} ${x1.toFixed(1)},${y1.toFixed(1)}`;
  };
  if (!box) return bend(from.x, from.y, to.x, to.y);
  return bend(from.x, from.y, box.x - box.width / 2, box.y) + bend(box.x + box.width / 2, box.y, to.x, to.y);
}

/** The curve of an edge inside its box, as `x` and `y` in pixels. */
export function insideBox(edge, box) {
  const [xs, ys] = [edge.x ?? [], edge.y ?? []];
  const finite = ys.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const [first, last] = [xs[0], xs[xs.length - 1]];
  const tall = high > low ? high - low : 1;
  const middle = high > low ? 0 : 0.5;
  const place = (x) => box.x - box.width / 2 + 4 + ((box.width - 8) * (x - first)) / (last > first ? last - first : 1);
  const level = (y) => box.y + box.height / 2 - 4 - (box.height - 8) * ((y - low) / tall + middle);
  return { across: place, up: level, x: xs.map(place), y: ys.map(level) };
}
