// The panels of what is selected: an edge, a hidden node, an input, or the model as a whole.

import { html } from "./dom.js";
import { number, percent } from "./format.js";
import { chart } from "./chart.js";
import { smallPicture } from "./pictures.js";
import { allow, button, choice, labelled, lacking, rSquared } from "./words.js";

function actions(...buttons) {
  return html("div", { class: "actions" }, buttons);
}

/** A button for an edit, disabled with the reason where the edit cannot be made. */
function editButton(app, label, verb, given, attributes = {}) {
  const made = button(label, () => app.edit(verb, typeof given === "function" ? given() : given), attributes);
  allow(made, lacking(app.state, verb));
  return made;
}

function count(value, attributes = {}) {
  return html("input", { type: "number", min: 1, max: 1000, step: 1, value, ...attributes });
}

function whole(input) {
  return input.value === "" ? null : Number(input.value);
}

/** The panel of an edge: its curve, the functions that it may be, and what can be done to it. */
export function edgePanel(app, edge) {
  const place = edge.id.split(":").map(Number);
  const [source, target] = edge.names;
  const facts = [["share of the variance", percent(edge.share)]];
  if (edge.label) facts.unshift(["function", edge.formula ?? edge.label]);
  if (edge.frozen) facts.push(["training", "frozen: a refit does not move it"]);
  const list = html("dl", { class: "facts" }, facts.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value))));
  const curve = chart(
    { x: edge.x, y: edge.y, density: edge.density, xName: edge.layer === 0 ? source : `${source}, in network units` },
    { width: 360, height: 200, label: `Curve of ${source} → ${target}, with the density of the rows` },
  );
  const suggested = html("div", { class: "suggested", "aria-live": "polite" }, html("p", { class: "aside" }, "Comparing functions with this edge …"));
  fillSuggestions(app, place, suggested);
  const own = html("input", { type: "text", placeholder: "sin, x^2, exp(-0.5*u**2)", spellcheck: false, autocomplete: "off", maxlength: 500 });
  const form = html("form", { class: "row" }, labelled("Another function of u", own), html("button", { type: "submit" }, "Fix"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (own.value.trim()) app.edit("fix", { edge: place, function: own.value.trim() });
    else app.say("Type a function first, such as sin or exp(-u**2).", "error");
  });
  const isFree = !edge.frozen;
  return [
    html("h2", {}, `Edge ${source} → ${target}`),
    html("div", { class: "figure" }, curve.element),
    list,
    actions(
      edge.label ? editButton(app, "Free: make it a spline", "free", { edge: place }) : null,
      isFree ? editButton(app, "Freeze", "freeze", { edge: place }) : editButton(app, "Unfreeze", "unfreeze", { edge: place }),
      editButton(app, "Remove", "remove_edge", { edge: place }, { class: "danger" }),
    ),
    html("h3", {}, "Fix it to a function"),
    suggested,
    form,
  ];
}

async function fillSuggestions(app, edge, container) {
  let found;
  try {
    found = await app.ask("suggest", { edge });
  } catch (error) {
    container.replaceChildren(html("p", { class: "aside" }, error.message));
    return;
  }
  if (!found.functions.length) {
    container.replaceChildren(html("p", { class: "aside" }, "The edge is constant on these rows, so no function is suggested."));
    return;
  }
  const rows = found.functions.map((each) => html(
    "tr", {},
    html("td", {}, smallPicture(found.u, found.values, each.curve, `${each.name} over the edge`)),
    html("th", { scope: "row", title: each.text }, each.name),
    html("td", { class: "number" }, rSquared(each.r2)),
    html("td", { class: "number optional" }, percent(each.probability)),
    html("td", {}, button("Fix", () => app.edit("fix", { edge, function: each.name }), { "aria-label": `Fix to ${each.name}` })),
  ));
  const hidden = (name) => html("span", { class: "hidden" }, name);
  const heads = [
    html("th", { scope: "col" }, hidden("picture")), html("th", { scope: "col" }, "function"), html("th", { scope: "col", class: "number" }, "R²"),
    html("th", { scope: "col", class: "number optional" }, "probability"), html("th", { scope: "col" }, hidden("button")),
  ];
  container.replaceChildren(
    html("table", {}, html("caption", { class: "hidden" }, "Functions that the edge may be, best first"), html("thead", {}, html("tr", {}, heads)), html("tbody", {}, rows)),
  );
  if (found.drawn) container.append(html("p", { class: "aside" }, "Compared on rows drawn from the grids, as no data were opened."));
}

/** The panel of a hidden node. */
export function nodePanel(app, node) {
  const name = node.name;
  const there = app.state.graph.layers[node.layer];
  const isProduct = there[node.index].kind === "product";
  const others = there.filter((other) => other.name !== name).map((other) => [other.name, other.name]);
  const partner = choice(others);
  return [
    html("h2", {}, `Node ${name}`),
    html("p", { class: "aside" }, isProduct ? "It multiplies its sums." : "It adds its edges."),
    actions(
      isProduct ? editButton(app, "Make it a sum", "to_sum", { node: name }) : editButton(app, "Make it a product", "to_product", { node: name }),
      editButton(app, "Split in two", "split", { node: name }),
      editButton(app, "Remove", "remove_node", { node: name }, { class: "danger" }),
    ),
    others.length ? html("div", { class: "row" }, labelled("Merge another node into it", partner), editButton(app, "Merge", "merge", () => ({ first: name, second: partner.value }))) : null,
  ];
}

/** The panel of an input. */
export function inputPanel(app, node) {
  const others = app.state.graph.layers[0].map((input) => input.name).filter((name) => name !== node.name);
  const boxes = others.map((name) => html("input", { type: "checkbox", value: name }));
  const group = () => ({ inputs: [node.name, ...boxes.filter((box) => box.checked).map((box) => box.value)] });
  return [
    html("h2", {}, `Input ${node.name}`),
    actions(editButton(app, "Remove the input", "remove_input", { input: node.name }, { class: "danger" })),
    others.length > 1 ? html(
      "fieldset", {}, html("legend", {}, "Group it with"),
      html("div", { class: "boxes" }, boxes.map((box) => html("label", {}, box, ` ${box.value}`))),
      html("p", { class: "aside" }, "The inputs of a group act through one sum of their own."),
      editButton(app, "Group", "group_inputs", group),
    ) : null,
  ];
}

/** The panel of an output, which only has edges. */
export function outputPanel(app, node) {
  return [html("h2", {}, `Output ${node.name}`), html("p", { class: "aside" }, "Select one of its edges to change what it is.")];
}

/** The panel where nothing is selected: edits of the whole model. */
export function modelPanel(app) {
  const { state } = app;
  const hidden = state.shape.length - 2;
  const layers = Array.from({ length: hidden }, (_, place) => [place + 1, `layer ${place + 1}`]);
  const gaps = state.shape.slice(0, -1).map((_, place) => [place, place === 0 ? "the inputs" : `layer ${place}`]);
  const [layer, added] = [choice(layers), count(1)];
  const where = choice(gaps);
  const grid = count(2 * Math.max(...state.grids));
  const number_of = (control) => Number(control.value);
  return [
    html("h2", {}, "The whole model"),
    html("p", { class: "aside" }, "Select an edge, a node or an input in the picture to edit it, or change the model as a whole:"),
    hidden > 0 ? html("div", { class: "row" }, labelled("Add nodes to", layer), labelled("how many", added), editButton(app, "Widen", "widen", () => ({ layer: number_of(layer), count: whole(added) }))) : null,
    html("div", { class: "row" }, labelled("Insert a layer after", where), editButton(app, "Deepen", "deepen", () => ({ where: number_of(where) }))),
    html(
      "div", { class: "row" }, labelled(`Grid intervals, now ${state.grids.join(", ")}`, grid),
      editButton(app, "Refine", "refine", () => ({ grid: whole(grid) })), editButton(app, "Coarsen", "coarsen", () => ({ grid: whole(grid) })),
    ),
    actions(editButton(app, "Adapt the grids to the rows", "adapt", {}), hidden > 0 ? editButton(app, "Order the nodes", "auto_swap", {}) : null),
  ];
}

/** The panel of a refit: its options, or its progress. */
export function refitPanel(app) {
  const steps = count("", { min: 1, max: 100000, placeholder: "no limit" });
  const grids = choice([["keep", "keep the grids"], ["auto", "may refine the grids"]]);
  const starts = choice([["1", "from the model as it is"], ["6", "6 starts"]]);
  const run = editButton(app, "Refit", "refit", () => {
    const given = { grids: grids.value, starts: Number(starts.value) };
    if (whole(steps) !== null) given.steps = whole(steps);
    return given;
  }, { class: "primary" });
  const options = html("div", { class: "row" }, labelled("Steps", steps), labelled("Grids", grids), labelled("Start", starts), run);
  const bar = html("progress", { max: 1, "aria-label": "Share of the steps" });
  const text = html("p", { class: "aside", role: "status" });
  const curve = html("div", { class: "figure" });
  const cancel = button("Cancel", () => app.cancel(), { class: "danger" });
  const running = html("div", { class: "running" }, bar, text, curve, cancel);
  return {
    element: html("div", {}, options, running),
    show(state) {
      allow(run, lacking(state, "refit"));
      this.progress(state.refit);
    },
    progress(refit) {
      const active = refit?.state === "running";
      options.hidden = active;
      running.hidden = !active;
      if (!active) return;
      if (refit.share === null) bar.removeAttribute("value");
      else bar.value = refit.share;
      const left = refit.share > 0.02 ? `, about ${Math.ceil((refit.seconds * (1 - refit.share)) / refit.share)} s left at most` : "";
      const error = refit.rmse === null ? "" : ` · RMSE ${number(refit.rmse, 3)}`;
      text.textContent = `${refit.stage} · step ${refit.step}${error} · ${refit.seconds.toFixed(0)} s${left}`;
      const logs = refit.curve.rmse.map((value) => (value > 0 ? Math.log10(value) : NaN));
      if (logs.length > 2) {
        const drawn = chart({ x: refit.curve.step, y: logs, xName: "step" }, { width: 360, height: 140, label: "Logarithm of the RMSE by step" });
        curve.replaceChildren(drawn.element, html("p", { class: "aside" }, "log₁₀ RMSE on the fitted rows"));
      }
    },
  };
}
