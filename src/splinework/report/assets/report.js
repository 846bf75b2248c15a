// The page of a model. `liveModel` and `liveLayers` are written in front of this by the report.

import "./plain.js";
import { explorer } from "./explore.js";
import { paretoChooser } from "./pareto.js";
import { predictPanel } from "./predict.js";

const facts = JSON.parse(document.getElementById("report-data").textContent);

const place = document.getElementById("network-picture");
const pictured = place && facts.graph?.edges.length ? explorer(place, document.getElementById("network-panel"), facts.graph) : null;

for (const chooser of document.querySelectorAll("[data-chooser]")) {
  const target = Number(chooser.dataset.chooser);
  const panels = [...chooser.parentElement.querySelectorAll(`[data-chosen-by="${target}"]`)];
  if (facts.formulas?.[target]?.length) paretoChooser(chooser, facts.formulas[target], panels);
}

const panel = document.getElementById("predict-panel");
if (panel && liveModel) {
  const made = predictPanel(panel, facts, { model: liveModel, layers: liveLayers }, (found) => pictured?.mark(found));
  panel.hidden = false;
  window.splinework = Object.freeze({ predict: liveModel.predict, ...made });
}
document.documentElement.dataset.ready = "true";
performance.mark("ready");
