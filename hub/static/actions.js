// A nurse's answers on their way to the hub. A refusal is shown as a sentence.

import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { refusal } from "./refusals.js";

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
    toast(refusal(answer));
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
