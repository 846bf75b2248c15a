// The editor: a picture in which parts are selected, panels that edit them, and the steps of the session.
//
//   edit(root, ask, { close }) builds it in an element. ask(name, values) sends a request and resolves to the answer, or rejects with
//   an Error that has the sentence to show. close() ends the server; without it there is no such button.

import { html } from "./dom.js";
import { drawNetwork } from "./network.js";
import { edgePanel, inputPanel, modelPanel, nodePanel, outputPanel, refitPanel } from "./panels.js";
import { comparePanel, filePanel, prunePanel, stepList } from "./files.js";
import { allow, button, changeText, errorText, plural, shapeText } from "./words.js";

const POLL = 300; // milliseconds between two looks at a refit

function card(title, content, attributes = {}) {
  return html("section", attributes, title ? html("h2", {}, title) : null, content);
}

/** Builds the editor; resolves when the first state is shown. */
export async function edit(root, ask, { close = null } = {}) {
  const status = html("p", { class: "status", role: "status" });
  const summary = html("p", { class: "summary" });
  const title = html("h1", {});
  const holder = html("div", { class: "holder" });
  const panel = html("section", { class: "panel", "aria-label": "What is selected" });
  const note = html("p", { class: "aside" });
  let picture = null;
  let selected = null; // { edge } or { node }
  let polling = false;

  const app = {
    state: null,
    ask,
    say(text, kind = "") {
      status.textContent = text;
      status.className = `status ${kind}`;
    },
    /** The answer, or null after its error was shown. */
    async tried(action) {
      try {
        app.say("");
        return await action();
      } catch (error) {
        app.say(error.message, "error");
        return null;
      }
    },
    async edit(name, values) {
      const state = await app.tried(() => ask("edit", { name, arguments: values, at: app.state.position }));
      if (state) app.show(state);
      else app.show(await ask("state", {}), { quiet: true });
    },
    async move(name, values = {}) {
      const state = await app.tried(() => ask(name, values));
      if (state) app.show(state);
    },
    async cancel() {
      await app.tried(() => ask("cancel", {}));
    },
    markPruned(gone) {
      const there = new Set(gone);
      const edges = app.state.graph.edges.map((edge) => (there.has(edge.id) ? { ...edge, state: "pruned" } : edge));
      picture.update({ ...app.state.graph, edges });
    },
    show,
  };

  const undo = button("Undo", () => app.move("undo"));
  const redo = button("Redo", () => app.move("redo"));
  const refit = refitPanel(app);
  const parts = [prunePanel(app), refit, stepList(app), comparePanel(app), filePanel(app)];
  const [prune, , steps, compare, files] = parts;
  const closing = html("div", { class: "confirm", role: "alert" });
  const end = close && button("Close", () => {
    if (app.state.saved) return finish();
    closing.replaceChildren(
      html("p", {}, "The last edits have not been saved. Close the editor anyway?"),
      button("Close without saving", finish, { class: "danger" }),
      button("Go on", () => closing.replaceChildren()),
    );
    return closing.querySelector("button").focus();
  });

  async function finish() {
    await close();
    root.replaceChildren(html("main", { class: "closed" }, html("h1", {}, "The editor is closed"), html("p", {}, "This page can be closed, too.")));
  }

  function drawPanel() {
    const { graph } = app.state;
    const edge = selected?.edge && graph.edges.find((each) => each.id === selected.edge);
    const node = selected?.node;
    let content;
    if (edge) content = edgePanel(app, edge);
    else if (node?.layer === 0) content = inputPanel(app, node);
    else if (node && node.layer === graph.layers.length - 1) content = outputPanel(app, node);
    else if (node) content = nodePanel(app, node);
    else content = modelPanel(app);
    panel.replaceChildren(...content.filter(Boolean));
  }

  function stillThere() {
    const { graph } = app.state;
    if (selected?.edge && graph.edges.some((each) => each.id === selected.edge)) return;
    const { node } = selected ?? {};
    if (node && graph.layers[node.layer]?.[node.index]?.name === node.name) return;
    selected = null;
  }

  function show(state, { quiet = false } = {}) {
    app.state = state;
    stillThere();
    title.textContent = state.name;
    if (close) document.title = `${state.name} · splinework`;
    const changed = state.position ? ` · differs from the start by ${changeText(state.change.start)}` : "";
    const onRows = state.errors ? `${errorText(state.errors)} on ${plural(state.errors.rows, "row")}` : state.rows.x ? "no measured values" : "opened without data";
    summary.textContent = `${shapeText(state.shape)} · ${plural(state.edges, "edge")} · ${plural(state.parameters, "parameter")} · ${onRows}${changed}`;
    if (picture === null) picture = drawNetwork(holder, state.graph, { label: "Network" });
    else picture.update(state.graph);
    const left = state.graph.total - state.graph.edges.length;
    note.textContent = left > 0 ? `${plural(left, "edge")} of small shares are not drawn.` : "";
    allow(undo, state.position > 0 ? "" : "Nothing to undo.");
    allow(redo, state.position < state.steps.length - 1 ? "" : "Nothing to redo.");
    if (selected?.edge) picture.select({ edge: selected.edge });
    for (const part of parts) part.show(state);
    drawPanel();
    closing.replaceChildren();
    if (state.refit?.state === "running") watch();
    root.dataset.position = String(state.position);
  }

  async function watch() {
    if (polling === true) return;
    polling = true;
    let found = app.state.refit;
    while (found?.state === "running") {
      refit.progress(found);
      await new Promise((resolve) => { setTimeout(resolve, POLL); });
      try {
        found = (await ask("progress", {})).refit;
      } catch (error) {
        app.say(error.message, "error");
        break;
      }
    }
    polling = "ended";
    const ends = { done: "Refitted.", cancelled: "Cancelled: the model is as before.", failed: found?.error };
    try {
      show(await ask("state", {}), { quiet: true });
      app.say(ends[found?.state] ?? "", found?.state === "failed" ? "error" : "");
    } catch (error) {
      app.say(error.message, "error");
    }
  }

  root.addEventListener("edge-select", (event) => {
    selected = event.detail ? { edge: event.detail.edge.id } : null;
    drawPanel();
  });
  root.addEventListener("node-select", (event) => {
    selected = event.detail ? { node: event.detail.node } : null;
    drawPanel();
  });
  const listening = close ? document : root; // in a page the keys count wherever the focus is
  listening.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, select, textarea") || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const wanted = { z: event.shiftKey ? redo : undo, y: redo }[event.key.toLowerCase()];
    if (!wanted) return;
    event.preventDefault();
    wanted.click();
  });

  root.classList.add("editor");
  root.replaceChildren(
    html("header", {}, html("div", { class: "bar" }, title, html("div", { class: "actions" }, undo, redo, end)), summary, status, closing),
    html(
      "main", {},
      html(
        "div", { class: "columns" },
        html("div", { class: "left" }, card("", [holder, note, html("h2", {}, "Prune"), prune.element], { "aria-label": "Network" }), card("Refit", refit.element), card("Steps", steps.element)),
        panel,
      ),
      card("Compare two states", compare.element),
      card("Save, export, script", files.element),
    ),
  );
  try {
    show(await ask("state", {}));
  } catch (error) {
    app.say(error.message, "error");
  }
  return app;
}
