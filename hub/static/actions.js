// A nurse's answers on their way to the hub. A refusal is shown in the hub's own words.

import { byId } from "./dom.js";
import { languageName, t } from "./i18n.js";

const TOAST_MS = 6000;
const WAIT_MS = 8000;
let hiding = 0;

export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Requested-With": "bedside" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    if (response.ok) return true;
    const answer = await response.json().catch(() => ({}));
    toast(refusal(response.status, answer.detail));
  } catch {
    toast(t("no_answer"));
  }
  return false;
}

export function toast(text) {
  const node = byId("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    node.hidden = true;
  }, TOAST_MS);
}

// In English the hub's own words; elsewhere the sentence that comes nearest.
function refusal(status, detail) {
  if (languageName() === "en" && typeof detail === "string") return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`;
  const taken = /^(.+) has already accepted this alert$/.exec(detail);
  if (taken) return t("refused_taken", { name: taken[1] });
  return t(status === 409 ? "refused_changed" : "refused_unsure");
}
