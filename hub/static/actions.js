// A nurse's answers on their way to the hub. A refusal is shown as a sentence.

import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { refusal } from "./refusals.js";

const TOAST_MS = 6000;
const WAIT_MS = 8000;
let hiding = 0;

export async function post(path, body) {
  const { ok, answer } = await send(path, body);
  if (!ok) toast(answer ? refusal(answer) : t("no_answer"));
  return ok;
}

// Whether it was done, and what the hub answered; no answer where it gave none.
export async function send(path, body, waitMs = WAIT_MS) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Requested-With": "bedside" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(waitMs),
    });
    return { ok: response.ok, answer: await response.json().catch(() => ({})) };
  } catch {
    return { ok: false, answer: null };
  }
}

// What the hub tells; null where it does not.
export async function ask(path) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(WAIT_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
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
