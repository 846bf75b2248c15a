// The model in the page: predictions, values of single edges, and decompositions. Numbers in, numbers out.

/** Outputs of the model for one row of its inputs. */
export function predicted(model, row) {
  return model.predict(row);
}

/** Probabilities of the classes from the outputs of a classifier. */
export function probabilities(outputs, classes, lapses) {
  let shares;
  if (classes === 1) shares = [1];
  else if (classes === 2) {
    const upper = 1 / (1 + Math.exp(-outputs[0]));
    shares = [1 / (1 + Math.exp(outputs[0])), upper];
  } else {
    const most = Math.max(...outputs);
    const powers = outputs.map((value) => Math.exp(value - most));
    const total = powers.reduce((sum, value) => sum + value, 0);
    shares = powers.map((value) => value / total);
  }
  if (!lapses?.length) return shares;
  const genuine = 1 - lapses.reduce((sum, value) => sum + value, 0);
  return shares.map((value, place) => value * genuine + lapses[place]);
}

/**
 * Every edge and node of the network for one row.
 *
 * @returns {{edges: object, nodes: number[][], outputs: number[]}} `edges[id]` is [input, value] in network units, of the first
 *   layer with the raw input.
 */
export function traced(layers, trace, row) {
  const start = trace.in;
  let nodes = row.map((value, i) => ((start.log[i] ? Math.log(value) : value) - start.shift[i]) / start.scale[i]);
  const all = [nodes];
  const edges = {};
  trace.layers.forEach((layer, l) => {
    const values = layer.edges.length ? layers[l].predict(nodes) : [];
    const sums = [...layer.bias];
    layer.edges.forEach(([id, i, j], e) => {
      edges[id] = [l === 0 ? row[i] : nodes[i], values[e]];
      sums[j] += values[e];
    });
    nodes = layer.groups.map((group) => group.reduce((product, j) => product * sums[j], 1));
    all.push(nodes);
  });
  const end = trace.out;
  const outputs = nodes.map((value, j) => {
    const raw = value * end.scale[j] + end.shift[j];
    return end.log[j] ? Math.exp(raw) : raw;
  });
  return { edges, nodes: all, outputs };
}

/**
 * A prediction as a sum of the edges into one output: constant + Σ terms, on the scale of the last layer (the logarithm of an
 * output on a logarithmic scale). Null where the output is a product.
 */
export function lastTerms(trace, edges, output) {
  const layer = trace.layers[trace.layers.length - 1];
  const group = layer.groups[output];
  if (group.length > 1) return null;
  const [shift, scale] = [trace.out.shift[output], trace.out.scale[output]];
  const terms = layer.edges.filter(([, , j]) => j === group[0]).map(([id]) => ({ id, value: edges[id][1] * scale }));
  return { constant: layer.bias[group[0]] * scale + shift, terms };
}

/** Whole numbers below `count` in an order that depends on `seed` only. */
function shuffled(count, seed) {
  const order = Array.from({ length: count }, (_, place) => place);
  let state = seed;
  for (let place = count - 1; place > 0; place -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = state % (place + 1);
    [order[place], order[other]] = [order[other], order[place]];
  }
  return order;
}

/**
 * A value as base + Σ terms, one for each group of inputs: Shapley values against background rows, along a few orders of the
 * groups, each forwards and backwards. The sum is exact; the terms are exact for sums of functions of single groups.
 *
 * @param {function(number[]): number} value Of a row of inputs.
 * @param {number[]} row The row to explain.
 * @param {number[][]} background Rows to compare with.
 * @param {number[][]} groups Places of the inputs of every group.
 * @param {number} most Evaluations at most, roughly.
 */
export function shapley(value, row, background, groups, most = 3000) {
  const terms = groups.map(() => 0);
  if (!groups.length || !background.length) return { base: value(row), terms };
  const orders = Math.max(1, Math.min(4, Math.floor(most / (2 * groups.length * background.length))));
  const rows = background.slice(0, Math.max(1, Math.floor(most / (2 * groups.length))));
  let base = 0;
  let count = 0;
  for (const other of rows) {
    base += value(other) / rows.length;
    for (let turn = 0; turn < orders; turn += 1) {
      const order = shuffled(groups.length, turn + 1);
      for (const along of [order, [...order].reverse()]) {
        const mixed = [...other];
        let before = value(mixed);
        for (const place of along) {
          for (const input of groups[place]) mixed[input] = row[input];
          const after = value(mixed);
          terms[place] += after - before;
          before = after;
        }
        count += 1;
      }
    }
  }
  return { base, terms: terms.map((term) => term / count) };
}
