// Sentences about states, and the small controls that all panels use.

import { html } from "./dom.js";
import { number, percent } from "./format.js";

/** A button; `action` may return a promise, during which the button is disabled. */
export function button(label, action, attributes = {}) {
  const made = html("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", async () => {
    if (made.getAttribute("aria-disabled") === "true") return;
    made.disabled = true;
    try {
      await action();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/** A control below its label. */
export function labelled(label, control, attributes = {}) {
  return html("label", { class: "field", ...attributes }, html("span", {}, label), control);
}

/** A selection of `[value, text]` pairs. */
export function choice(pairs, attributes = {}) {
  return html("select", attributes, pairs.map(([value, text]) => html("option", { value }, text)));
}

/** Replaces the options of a selection and keeps what is chosen, where that still exists. */
export function setChoices(select, pairs, preferred) {
  const before = preferred ?? select.value;
  select.replaceChildren(...pairs.map(([value, text]) => html("option", { value }, text)));
  if (pairs.some(([value]) => String(value) === String(before))) select.value = before;
}

/** Disables a button with the reason as its title, or enables it. */
export function allow(element, reason) {
  element.setAttribute("aria-disabled", String(Boolean(reason)));
  if (reason) element.title = reason;
  else element.removeAttribute("title");
}

/** Why an edit cannot be made, or nothing. */
export function lacking(state, verb) {
  const needs = state?.verbs[verb] ?? []; // before the first state nothing is lacking
  if (needs.includes("x") && !state.rows.x) return "This edit needs rows: open the model with --data.";
  if (needs.includes("y") && !state.rows.y) return "This edit needs measured values of the target: open the model with --data.";
  return "";
}

/** The largest error over the outputs, as text. */
export function errorText(errors) {
  if (!errors) return "no measured values";
  const worst = errors.rmse.indexOf(Math.max(...errors.rmse.map((value) => value ?? Infinity)));
  const at = errors.names.length > 1 ? ` (${errors.names[Math.max(0, worst)]})` : "";
  const place = Math.max(0, worst);
  return `RMSE ${number(errors.rmse[place], 3)}, R² ${rSquared(errors.r2[place])}${at}`;
}

/** R²; close to one as its difference from one. */
export function rSquared(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 1 && 1 - value < 5e-5 && value < 1) return `1 − ${number(1 - value, 2)}`;
  return number(Math.round(value * 1e5) / 1e5, 5);
}

/** A change of the function, as a share of the output's standard deviation. */
export function changeText(change) {
  if (change === null || change === undefined) return "not finite";
  if (change < 1e-12) return "none";
  return change < 0.001 ? `${number(100 * change, 2)} %` : percent(change);
}

export function shapeText(shape) {
  return `[${shape.map((entry) => (Array.isArray(entry) ? `(${entry.flat().join(", ")})` : entry)).join(", ")}]`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
