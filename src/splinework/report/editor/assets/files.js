// Comparing states, pruning by a slider, the list of steps, and the files that a session writes.

import { html } from "./dom.js";
import { number } from "./format.js";
import { twoCurves } from "./pictures.js";
import { allow, button, changeText, choice, errorText, labelled, lacking, plural, setChoices, shapeText } from "./words.js";

/** The slider: how many edges are kept, which go, and what that costs, before anything is done. */
export function prunePanel(app) {
  const by = choice([["attribution", "attribution"], ["ablation", "ablation"], ["magnitude", "magnitude"]]);
  const slider = html("input", { type: "range", min: 1, step: 1, "aria-label": "Number of edges that are kept" });
  const text = html("output", { class: "aside" });
  let timer = null;
  let asked = 0;
  const given = () => ({ keep_edges: Number(slider.value), nodes: 0, inputs: 0, by: by.value });
  const apply = button("Prune", async () => {
    if (Number(slider.value) >= app.state.edges) app.say("Move the slider to choose how many edges stay.", "error");
    else await app.edit("prune", given());
  });
  async function look() {
    const mine = ++asked;
    if (Number(slider.value) >= app.state.edges) {
      app.markPruned([]);
      text.textContent = `keeps all ${plural(app.state.edges, "edge")}`;
      return;
    }
    try {
      const found = await app.ask("preview", { arguments: given() });
      if (mine !== asked) return;
      app.markPruned(found.gone);
      const error = found.errors ? `, ${errorText(found.errors)}` : "";
      text.textContent = `keeps ${found.left} of ${app.state.edges} edges: changes the function by ${changeText(found.change)}${error}`;
    } catch (error) {
      if (mine === asked) text.textContent = error.message;
    }
  }
  slider.addEventListener("input", () => {
    text.textContent = `keeps ${slider.value} of ${app.state.edges} edges …`;
    clearTimeout(timer);
    timer = setTimeout(look, 80);
  });
  by.addEventListener("change", look);
  return {
    element: html("div", { class: "row prune" }, labelled("Edges that are kept", slider, { class: "field wide" }), labelled("by", by), apply, text),
    show(state) {
      asked += 1;
      slider.max = Math.max(1, state.edges);
      slider.value = state.edges;
      text.textContent = `keeps all ${plural(state.edges, "edge")}`;
      const reason = lacking(state, "prune");
      allow(apply, reason);
      slider.disabled = Boolean(reason);
      if (reason) text.textContent = reason;
    },
  };
}

/** The states in order, each with its line of Python; a click goes there. */
export function stepList(app) {
  const list = html("ol", { class: "steps", start: 0 });
  return {
    element: list,
    show(state) {
      list.replaceChildren(...state.steps.map((step, place) => {
        const here = place === state.position;
        const title = button(step.title, () => app.move("go", { to: place }), { class: "link", ...(here ? { "aria-current": "step" } : {}) });
        const marks = step.saved.length ? html("span", { class: "badge" }, "saved") : null;
        const notes = step.notes.map((note) => html("p", { class: "aside" }, note));
        return html("li", { class: place > state.position ? "undone" : here ? "here" : "" }, title, marks, step.line ? html("code", {}, step.line) : null, notes);
      }));
      list.querySelector(".here")?.scrollIntoView?.({ block: "nearest" });
    },
  };
}

/** Two states side by side. */
export function comparePanel(app) {
  const [first, second] = [choice([]), choice([])];
  const result = html("div", { class: "compared", "aria-live": "polite" });
  const run = button("Compare", async () => {
    const found = await app.tried(() => app.ask("compare", { first: Number(first.value), second: Number(second.value) }));
    if (found) result.replaceChildren(...compared(found));
  });
  let shown = -1;
  return {
    element: html("div", {}, html("div", { class: "row" }, labelled("State", first), labelled("with", second), run), result),
    show(state) {
      const pairs = state.steps.map((step, place) => [place, `${place}: ${step.title}`]);
      setChoices(first, pairs, shown < 0 ? 0 : undefined);
      setChoices(second, pairs, shown === state.position ? undefined : state.position);
      if (shown !== state.position) result.replaceChildren();
      shown = state.position;
    },
  };
}

function compared(found) {
  const [a, b] = found.states;
  const rows = [
    ["error on the rows", (each) => errorText(each.errors)],
    ["shape", (each) => shapeText(each.shape)],
    ["edges", (each) => each.edges],
    ["parameters", (each) => each.parameters],
  ];
  const head = html("tr", {}, html("th", { scope: "col" }, html("span", { class: "hidden" }, "measure")), html("th", { scope: "col" }, `state ${a.number}`), html("th", { scope: "col" }, `state ${b.number}`));
  const body = rows.map(([name, text]) => html("tr", {}, html("th", { scope: "row" }, name), html("td", {}, text(a)), html("td", {}, text(b))));
  const at = Object.entries(found.largest.row).map(([name, value]) => `${name} = ${number(value)}`).join(", ");
  const [before, after] = found.largest.values;
  const largest = `The functions differ by ${changeText(found.change)} of the standard deviation of the output. The largest change is `
    + `${number(found.largest.value)} of ${found.largest.output}, from ${number(before)} to ${number(after)}, at ${at}.`;
  const inputs = found.inputs.map((each) => twoCurves([each.x, each.x], each.y, { label: `Mean of ${each.output} by ${each.input} in both states`, caption: `${each.output} by ${each.input}` }));
  const edges = found.edges.filter((each) => each.change > 1e-9).slice(0, 8);
  const pictures = edges.map((each) => twoCurves(each.x, each.y, { label: `The edge ${each.edge} in both states`, caption: `edge ${each.edge}` }));
  return [
    html("table", { class: "both" }, html("thead", {}, head), html("tbody", {}, body)),
    html("p", {}, largest),
    html("p", { class: "legend" }, html("span", { class: "before" }, `state ${a.number}`), " ", html("span", { class: "after" }, `state ${b.number}`)),
    html("h3", {}, "Mean output by each input"), html("div", { class: "pairs" }, inputs),
    ...(pictures.length ? [html("h3", {}, "Edges of both states, most changed first"), html("div", { class: "pairs" }, pictures)] : []),
  ];
}

/** Save as, export, and the script. */
export function filePanel(app) {
  const path = html("input", { type: "text", value: "edited.safetensors", spellcheck: false, maxlength: 1000 });
  const script = html("input", { type: "text", value: "edits.py", spellcheck: false, maxlength: 1000 });
  const target = choice([]);
  const exported = html("input", { type: "text", spellcheck: false, maxlength: 1000 });
  const code = html("code", {});
  const confirmed = html("div", { class: "confirm", role: "alert" });
  const folder = html("p", { class: "aside" });
  target.addEventListener("change", () => { exported.value = `model${app.state.exports[target.value]}`; });
  async function write(name, given) {
    confirmed.replaceChildren();
    try {
      const done = await app.ask(name, given);
      app.show(done.state);
      app.say(`Written: ${done.written}`);
    } catch (error) {
      if (!error.exists) return app.say(error.message, "error");
      confirmed.replaceChildren(
        html("p", {}, `There is a file ${given.path} already. Replace it?`),
        button("Replace it", () => write(name, { ...given, replace: true }), { class: "danger" }),
        button("Keep it", () => confirmed.replaceChildren()),
      );
      confirmed.querySelector("button").focus();
    }
    return null;
  }
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(code.textContent);
    app.say("Copied.");
  });
  return {
    element: html(
      "div", {}, folder,
      html("div", { class: "row" }, labelled("Model", path), button("Save", () => write("save", { path: path.value.trim() }), { class: "primary" })),
      html("div", { class: "row" }, labelled("Export", target), labelled("File", exported), button("Export", () => write("export", { path: exported.value.trim(), target: target.value }))),
      html("div", { class: "row" }, labelled("Script", script), button("Save the script", () => write("save", { path: script.value.trim(), what: "script" }))),
      confirmed,
      html("div", { class: "titled" }, html("h3", {}, "The session as a script"), copy),
      html("pre", { tabindex: 0, "aria-label": "Script of the session" }, code),
    ),
    async show(state) {
      folder.textContent = `Files are written into ${state.folder}.`;
      if (!target.options.length) {
        setChoices(target, Object.keys(state.exports).map((name) => [name, name]), "c");
        exported.value = `model${state.exports[target.value]}`;
      }
      const answer = await app.ask("script", {}).catch(() => null);
      if (answer) code.textContent = answer.script;
    },
  };
}
