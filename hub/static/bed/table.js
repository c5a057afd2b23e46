// The picture as a table: one row a slice, for screen readers and for whoever wants figures.

import { byId, el } from "../dom.js";
import { number, span, t, time } from "../i18n.js";
import * as words from "../words.js";
import { absence, emotionShares, hundredth, isLate, whyUnheard } from "./said.js";

const EIGHT = 8;

export function drawTable(data) {
  const heads = ["col_time", "col_heard", "speech", "emotion", "distress_level", "alerts"];
  const head = el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, t(name)))));
  const rows = data.slices.filter((slice) => slice.at < data.now).map((slice) => row(data, slice));
  byId("table").replaceChildren(el("caption", { class: "unseen" }, t("timeline_label")), head, el("tbody", {}, ...rows));
}

function row(data, slice) {
  const end = Math.min(slice.at + data.slice_s, data.now);
  const missing = absence(data, slice.at, end);
  const all = missing.seconds >= (end - slice.at) * 0.98;
  const why = missing.why && whyUnheard(missing.why);
  let heard = t("heard_whole");
  if (all) heard = t("unheard", { why });
  else if (missing.seconds) heard = t("unheard_part", { why, span: span(missing.seconds) });
  if (isLate(data, slice.at, end)) heard = `${heard}, ${t("told_late")}`;
  const alerts = data.alerts.filter((one) => one.device_id !== null && one.raised_at >= slice.at && one.raised_at < slice.at + data.slice_s);
  const spoke = slice.speech_s >= 1;
  const cells = [
    heard,
    spoke ? span(slice.speech_s) : all ? "–" : t("quiet"),
    emotionShares(slice, EIGHT).join(", ") || "–",
    slice.peak === null ? "–" : t("distress_of", { mean: hundredth(slice.distress), peak: hundredth(slice.peak) }),
    alerts.map((one) => words.alertWord(one)).join(", ") || number(0),
  ];
  return el("tr", {}, el("th", { scope: "row" }, time(slice.at)), ...cells.map((text) => el("td", {}, text)));
}
