// Elements of HTML and SVG. Text enters by textContent and attributes by setAttribute: nothing given here is ever parsed.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") throw new Error("styles belong to the style sheet, or to element.style");
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

/** An HTML element; strings among the children become text. */
export function html(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Text shortened with an ellipsis to about `characters`. */
export function shortened(text, characters) {
  const letters = Array.from(text);
  return letters.length <= characters ? text : `${letters.slice(0, Math.max(1, characters - 1)).join("")}…`;
}
