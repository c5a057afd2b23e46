// The counts at the top, and the list of what is over.

import { byId, el, icon } from "./dom.js";
import { languageName, number, t, time } from "./i18n.js";
import * as words from "./words.js";

const RECENT = 12;
const KEPT = 20; // as many as the hub tells a board that begins: hub/board.py
let recentKey = "";

export function drawSummary(open, beds) {
  const count = (name) => open.filter((alert) => words.rankName(alert) === name && alert.state === "waiting").length;
  const attended = open.filter((alert) => alert.state === "accepted").length;
  const parts = ["high", "medium", "missed", "technical"].map((name) => [count(name), name, name]);
  parts.push([attended, "accepted", "person"]);
  const chips = parts
    .filter(([total]) => total > 0)
    .map(([total, name, sign]) => el("span", { class: "count", "data-priority": name }, icon(sign), `${number(total)} ${t(`p_${name}`)}`));
  if (!chips.length) {
    const text = beds ? t("no_alerts", { n: number(beds) }) : t("no_beds");
    chips.push(el("span", { class: "count", "data-priority": "none" }, icon("check"), text));
  }
  const summary = byId("summary");
  if (summary.textContent !== chips.map((chip) => chip.textContent).join("")) summary.replaceChildren(...chips);
}

function endOf(alert) {
  return alert.closed_at ?? alert.ended_at ?? alert.opened_at;
}

// The alerts that wait for nobody any more: the latest first, those that became part of another one last.
function latestOver(alerts) {
  const over = alerts.filter((alert) => !words.isOpen(alert));
  return over.sort((a, b) => (a.state === "merged") - (b.state === "merged") || endOf(b) - endOf(a));
}

// A board that is open for months keeps, of `alerts` by number, but the latest that are over.
export function forgetOld(alerts) {
  for (const alert of latestOver([...alerts.values()]).slice(KEPT)) alerts.delete(alert.id);
}

export function drawRecent(alerts) {
  const over = latestOver(alerts).filter((alert) => alert.state !== "merged");
  const key = `${languageName()} ${over.map((alert) => `${alert.id}:${alert.state}`).join()}`;
  if (key === recentKey) return;
  recentKey = key;
  byId("recent-none").hidden = over.length > 0;
  byId("recent-list").replaceChildren(
    ...over.slice(0, RECENT).map((alert) =>
      el(
        "li",
        { "data-priority": words.rankName(alert) },
        icon(words.alertIcon(alert)),
        el("time", {}, time(endOf(alert))),
        el("strong", { dir: "auto" }, words.place(alert)),
        el("span", { class: "what" }, words.reason(alert, endOf(alert))),
        el("span", { class: "outcome-word" }, words.outcome(alert)),
        el("span", { class: "by", dir: "auto" }, alert.closed_by || ""),
      ),
    ),
  );
}
