// "Try it": controls, the live prediction with its band, and its decomposition.

import { html } from "./dom.js";
import { number, percent, signed } from "./format.js";
import { controls } from "./controls.js";
import { lastTerms, predicted, probabilities, shapley, traced } from "./live.js";

const MAX_BARS = 12;
const MANY_COLUMNS = 15;

function bar(share, negative) {
  const element = html("span", { class: negative ? "bar negative" : "bar" });
  element.style.setProperty("--share", String(Math.min(1, Math.max(0, share))));
  return element;
}

function termRows(terms, text) {
  const largest = Math.max(...terms.map((term) => Math.abs(term.value)), 1e-300);
  return terms.map((term) => html("tr", {},
    html("th", { scope: "row", class: "words" }, term.name),
    html("td", { class: "words" }, term.cell ?? ""),
    html("td", { class: "number" }, Math.abs(term.value) < 1e-9 * largest ? "0" : text(term.value)),
    html("td", { class: "bars", "aria-hidden": "true" }, bar(Math.abs(term.value) / largest, term.value < 0))));
}

/**
 * Fills the panel.
 *
 * @param {HTMLElement} panel With places marked by `data-part`: controls, result, terms.
 * @param {object} facts The data of the page.
 * @param {{model: object, layers: object[]}} live The model.
 * @param {function(object)} told Called with the values of nodes and edges after each change.
 */
export function predictPanel(panel, facts, live, told) {
  const part = (name) => panel.querySelector(`[data-part="${name}"]`);
  const columns = facts.columns.filter((column) => column.places.length);
  const groups = columns.map((column) => column.places);
  const classes = facts.classes;
  const outputs = facts.outputs;
  let output = 0;
  let by = "inputs";

  const inputs = controls(columns, facts.start, () => update());
  const listed = html("div", { class: "controls" }, inputs.elements);
  part("controls").replaceChildren(listed);

  const pick = html("select", { id: "decomposed-output" }, outputs.map((name, place) => html("option", { value: place }, name)));
  pick.addEventListener("change", () => { output = Number(pick.value); update(); });
  const way = html("select", { id: "decomposed-by" },
    html("option", { value: "inputs" }, "inputs (Shapley values)"),
    html("option", { value: "edges" }, "terms of the last layer (exact)"));
  way.addEventListener("change", () => { by = way.value; update(); });
  const choices = html("p", { class: "choices" });
  if (outputs.length > 1) choices.append(html("label", { for: "decomposed-output" }, "Output "), pick, " ");
  if (facts.trace) choices.append(html("label", { for: "decomposed-by" }, "Decomposed by "), way);

  const reset = html("button", { type: "button" }, "Typical row");
  reset.addEventListener("click", () => inputs.set(facts.start));
  const rowChoice = html("select", { id: "row-choice", "aria-label": "Rows of the data" },
    html("option", { value: "" }, "A row of the data …"),
    facts.background.map((_, place) => html("option", { value: place }, `row ${place + 1} of ${facts.background.length}, by rising prediction`)));
  rowChoice.addEventListener("change", () => { if (rowChoice.value !== "") inputs.set(facts.background[Number(rowChoice.value)]); });
  const above = html("p", { class: "choices" }, reset, " ", rowChoice);
  if (columns.length > MANY_COLUMNS) {
    const find = html("input", { type: "search", id: "find-column", placeholder: "Find a column", "aria-label": "Find a column" });
    find.addEventListener("input", () => {
      const wanted = find.value.trim().toLowerCase();
      columns.forEach((column, place) => { inputs.elements[place].hidden = !column.name.toLowerCase().includes(wanted); });
    });
    above.append(" ", find);
  }
  part("controls").prepend(above);

  const result = part("result");
  const terms = part("terms");
  const table = html("tbody", {});
  const caption = html("caption", {});
  const head = html("thead", {}, html("tr", {},
    html("th", { scope: "col", class: "words" }, "term"), html("th", { scope: "col", class: "words" }, "value"),
    html("th", { scope: "col", class: "number" }, "contribution"), html("td", {})));
  terms.replaceChildren(choices, html("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Decomposition of the prediction" }, html("table", { class: "terms" }, caption, head, table)));

  const scaled = (values) => (facts.logs[output] ? Math.log(values[output]) : values[output]);

  function showResult(values) {
    if (classes.length) {
      const shares = probabilities(values, classes.length, facts.lapses);
      const order = shares.map((_, place) => place).sort((a, b) => shares[b] - shares[a]).slice(0, MAX_BARS);
      const finite = shares.every(Number.isFinite);
      const lead = html("p", { class: "value" }, finite ? `${classes[order[0]]} ` : "no prediction ", html("small", {}, finite ? `with ${percent(shares[order[0]])}` : "the model gives no finite value here"));
      const rows = order.map((place) => html("tr", {},
        html("th", { scope: "row", class: "words" }, classes[place]),
        html("td", { class: "number", "data-value": String(shares[place]) }, percent(shares[place])),
        html("td", { class: "bars", "aria-hidden": "true" }, bar(shares[place], false))));
      result.replaceChildren(lead, html("table", { class: "terms" }, html("tbody", {}, rows)));
      return;
    }
    const lines = outputs.map((name, place) => {
      if (!Number.isFinite(values[place])) return html("p", { class: "value" }, html("small", {}, `${name}: no prediction, the model gives no finite value here`));
      const band = facts.band?.[place];
      const range = band ? ` ${number(values[place] + band[0])} to ${number(values[place] + band[1])}` : "";
      const line = html("p", { class: "value", "data-value": String(values[place]) }, html("small", {}, `${name} = `), number(values[place], 5));
      if (range) line.append(html("small", { class: "interval" }, range));
      return line;
    });
    const note = facts.bandNote ? [html("p", { class: "aside" }, facts.bandNote)] : [];
    result.replaceChildren(...lines, ...note);
  }

  function showTerms(row, values, found) {
    const exact = by === "edges" && found ? lastTerms(facts.trace, found.edges, output) : null;
    const what = facts.logs[output] ? `ln ${outputs[output]}` : outputs[output];
    const total = scaled(values);
    let listed;
    let base;
    if (exact) {
      base = exact.constant;
      const names = new Map(facts.graph.edges.map((edge) => [edge.id, facts.graph.layers[edge.layer][edge.from].name]));
      listed = exact.terms.map((term) => ({ name: names.get(term.id) ?? term.id, cell: "", value: term.value }));
      caption.textContent = `${what} as the constant and the edges of the last layer, which add up to ${number(total, 5)}.`;
    } else {
      const value = (other) => scaled(predicted(live.model, other));
      const parts = shapley(value, row, facts.background, groups);
      base = parts.base;
      listed = columns.map((column, place) => ({ name: column.name, cell: inputs.shown(place), value: parts.terms[place] }));
      caption.textContent = `${what}: mean of ${facts.background.length} rows of the data and what each input adds to it, which add up to ${number(total, 5)}.`;
    }
    listed.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    const rest = listed.slice(MAX_BARS);
    const shown = listed.slice(0, MAX_BARS);
    if (rest.length) shown.push({ name: `${rest.length} more`, cell: "", value: rest.reduce((sum, term) => sum + term.value, 0) });
    const first = html("tr", {}, html("th", { scope: "row", class: "words" }, exact ? "constant" : "mean"), html("td", {}), html("td", { class: "number" }, number(base)), html("td", {}));
    table.replaceChildren(first, ...termRows(shown, (value) => signed(value)));
    terms.dataset.base = String(base);
    terms.dataset.sum = String(base + listed.reduce((sum, term) => sum + term.value, 0));
  }

  function update() {
    const row = inputs.row();
    const values = predicted(live.model, row);
    const found = facts.trace ? traced(live.layers, facts.trace, row) : null;
    showResult(values);
    showTerms(row, values, found);
    told(found);
  }
  update();
  return { set: inputs.set, row: inputs.row };
}
