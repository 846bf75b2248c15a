// Controls of the inputs: a slider with a box for a number, a list for levels; together they give a row of inputs of the model.

import { html } from "./dom.js";
import { number } from "./format.js";

function numeric(column, start, changed, key) {
  const missing = column.missing ? html("input", { type: "checkbox", id: `${key}-missing` }) : null;
  const range = html("input", {
    type: "range", id: `${key}-range`, min: 0, max: 1000, step: 1, "aria-label": `${column.name}, slider`,
  });
  const box = html("input", { type: "number", id: key, step: "any", inputmode: "decimal" });
  const log = column.scale === "log" && column.low > 0;
  const along = (value) => (log ? Math.log(value) : value);
  const [low, high] = [along(column.low), along(column.high)];
  const outside = html("span", { class: "outside", hidden: true }, "outside the data");
  let value = start;

  function show(fromBox) {
    const place = high > low ? (1000 * (along(value) - low)) / (high - low) : 500;
    range.value = String(Math.round(Math.min(1000, Math.max(0, place))));
    range.setAttribute("aria-valuetext", number(value));
    if (!fromBox) box.value = String(Number(value.toPrecision(6)));
    outside.hidden = !(value < column.low || value > column.high);
  }
  range.addEventListener("input", () => {
    const place = low + ((high - low) * Number(range.value)) / 1000;
    value = log ? Math.exp(place) : place;
    if (column.whole) value = Math.round(value);
    else value = Number(value.toPrecision(5));
    if (missing) missing.checked = false;
    show(false);
    changed();
  });
  box.addEventListener("input", () => {
    const typed = Number(box.value);
    const usable = box.value !== "" && Number.isFinite(typed);
    box.setAttribute("aria-invalid", String(!usable));
    if (!usable) return;
    value = typed;
    if (missing) missing.checked = false;
    show(true);
    changed();
  });
  missing?.addEventListener("change", changed);
  show(false);
  const rows = [html("label", { for: key }, column.name), range, box];
  if (missing) rows.push(html("label", { class: "missing", for: `${key}-missing` }, missing, " missing"));
  rows.push(outside);
  return {
    element: html("div", { class: "control" }, rows),
    set(next) { value = next[0]; if (missing) missing.checked = column.missing.every((each, place) => each === next[place]); show(false); },
    fill(row) {
      if (missing?.checked) column.missing.forEach((each, place) => { row[column.places[place]] = each; });
      else column.places.forEach((input, place) => { row[input] = place === 0 ? value : 0; });
    },
    shown: () => (missing?.checked ? "missing" : number(value)),
  };
}

function listed(column, start, changed, key) {
  const options = column.levels.map(([label], place) => html("option", { value: place }, label));
  const list = html("select", { id: key }, options);
  const choose = (values) => {
    const gaps = column.levels.map(([, own]) => own.reduce((sum, each, place) => sum + Math.abs(each - values[place]), 0));
    list.value = String(gaps.indexOf(Math.min(...gaps)));
  };
  choose(start);
  list.addEventListener("change", changed);
  return {
    element: html("div", { class: "control" }, html("label", { for: key }, column.name), list),
    set: choose,
    fill(row) {
      column.levels[Number(list.value)][1].forEach((each, place) => { row[column.places[place]] = each; });
    },
    shown: () => column.levels[Number(list.value)][0],
  };
}

/**
 * The controls of all columns that have inputs.
 *
 * @param {object[]} columns `name`, `places`, `low`, `high`, `scale`, `levels`, `missing`.
 * @param {number[]} start A row of inputs.
 * @param {function()} changed Called after every change.
 */
export function controls(columns, start, changed) {
  const row = [...start];
  const parts = columns.map((column, place) => {
    const own = column.places.map((input) => start[input]);
    const kind = column.levels.length ? listed : numeric;
    return kind(column, column.levels.length ? own : own[0], changed, `input-${place + 1}`);
  });
  return {
    elements: parts.map((part) => part.element),
    row() { parts.forEach((part) => part.fill(row)); return [...row]; },
    set(next) { columns.forEach((column, place) => parts[place].set(column.places.map((input) => next[input]))); changed(); },
    shown: (place) => parts[place].shown(),
  };
}
