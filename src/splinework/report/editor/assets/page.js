// The editor as a page: requests go to the server that the page came from.

import { edit } from "./editor.js";

async function fetched(name, values) {
  let response;
  try {
    response = await fetch(`api/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(values) });
  } catch {
    throw new Error("The editor no longer answers: it has been closed, or the machine cannot be reached.");
  }
  const answer = await response.json().catch(() => ({ error: `The editor answered ${response.status}.` }));
  if (response.ok) return answer;
  throw Object.assign(new Error(answer.error), { exists: answer.exists === true });
}

edit(document.getElementById("editor"), fetched, { close: () => fetched("close", {}) });
