// What every page has beside its text: a switch of light and dark, buttons that copy, and tables that sort.

import { html } from "./dom.js";

/** A switch between the system's colours, light and dark. */
export function themeSwitch(place) {
  const list = html("select", { id: "theme" }, ["system", "light", "dark"].map((name) => html("option", { value: name }, name)));
  const apply = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
  };
  let kept = null;
  try { kept = localStorage.getItem("splinework-theme"); } catch { kept = null; }
  if (kept === "light" || kept === "dark") { list.value = kept; apply(kept); }
  list.addEventListener("change", () => {
    apply(list.value);
    try { localStorage.setItem("splinework-theme", list.value); } catch { /* a page from a file may have no storage */ }
  });
  place.append(html("div", { class: "theme" }, html("label", { for: "theme" }, "Colours "), list));
}

/** A button beside every block of text that one may want to copy. */
export function copyButtons(root) {
  if (!navigator.clipboard) return;
  for (const block of root.querySelectorAll("pre.copy")) {
    const button = html("button", { type: "button", "aria-label": `Copy: ${block.getAttribute("aria-label") ?? "text"}` }, "Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    const frame = html("div", { class: "copyable" });
    block.replaceWith(frame);
    frame.append(button, block);
  }
}

/** What a cell sorts by: its number, with powers of ten and percentages, or its text. */
export function sortKey(text) {
  const plain = text.replaceAll("−", "-").replaceAll(",", "").trim();
  const power = plain.match(/^([+-]?[\d.]+) × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/);
  if (power) {
    const raised = Array.from(power[2], (letter) => (letter === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(letter))).join("");
    return Number(`${power[1]}e${raised}`);
  }
  const difference = plain.match(/^1 - (.*)$/);
  if (difference) return 1 - sortKey(difference[1]);
  const found = plain.match(/^[<>]?\s*([+-]?[\d.]+(?:e[+-]?\d+)?)(?:\s*%)?(?:\s|$)/i);
  if (found) return Number(found[1]);
  return plain === "–" || plain === "" ? NaN : plain.toLowerCase();
}

/** Headings of tables of at least three rows become buttons that sort. */
export function sortableTables(root) {
  for (const table of root.querySelectorAll("table:not(.terms, .fixed)")) {
    const [body] = table.tBodies;
    if (!body || body.rows.length < 3 || !table.tHead) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim() || body.rows[0].cells[column]?.querySelector("svg")) return;
      const button = html("button", { type: "button", class: "sort" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const keyed = [...body.rows].map((row, place) => ({ row, place, key: sortKey(row.cells[column].textContent) }));
        const missing = (key) => typeof key === "number" && Number.isNaN(key);
        keyed.sort((a, b) => {
          if (missing(a.key) || missing(b.key)) return missing(a.key) - missing(b.key) || a.place - b.place;
          const both = typeof a.key === typeof b.key;
          const order = both ? (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) : typeof a.key === "number" ? -1 : 1;
          return (up ? order : -order) || a.place - b.place;
        });
        body.append(...keyed.map((each) => each.row));
      });
    });
  }
}

/** Closed details would print as closed. */
export function openForPrint() {
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.print:not([open])")];
    closed.forEach((each) => { each.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((each) => { each.open = false; }));
}
