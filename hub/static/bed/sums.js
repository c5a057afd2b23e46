// The hours in a few figures, and the legend of the picture.

import { byId, el, icon } from "../dom.js";
import { number, span, t } from "../i18n.js";
import * as words from "../words.js";
import { EMOTIONS, whyUnheard } from "./said.js";

export function drawSums(data) {
  const own = data.alerts.filter((one) => one.device_id !== null && one.opened_at >= data.from);
  const cards = ["high", "medium", "missed", "technical"]
    .map((kind) => [kind, own.filter((one) => words.rankName(one) === kind).length])
    .filter(([, count]) => count)
    .map(([kind, count]) => card(kind, kind, t("count_of", { n: number(count), what: t(`alert_${kind}`) })));
  if (!cards.length) cards.push(card("check", "none", t("no_alerts_then")));
  const unheard = data.unheard.reduce((sum, one) => sum + (one.end - one.start), 0);
  if (unheard >= 60) {
    cards.push(card("mic-off", "unheard", t("unheard_for", { span: span(unheard), why: causes(data.unheard).join(", ") })));
  }
  const speech = data.slices.reduce((sum, one) => sum + one.speech_s, 0);
  cards.push(card("voice", "plain", speech >= 1 ? t("spoke", { span: span(speech) }) : t("no_speech")));
  if (data.late.length) cards.push(card("missed", "plain", t("late_part")));
  byId("sums").replaceChildren(...cards);
  drawLegend(data);
}

// The two causes that took most of it.
function causes(stretches) {
  const sums = {};
  for (const one of stretches) sums[one.why] = (sums[one.why] || 0) + one.end - one.start;
  const most = Object.entries(sums).sort((a, b) => b[1] - a[1]);
  return most.slice(0, 2).map(([why]) => whyUnheard(why));
}

function card(sign, kind, text) {
  return el("li", { "data-kind": kind }, icon(sign), el("span", {}, text));
}

function drawLegend(data) {
  const heard = new Set(data.slices.flatMap((one) => Object.keys(one.emotions)));
  const keys = EMOTIONS.filter((name) => heard.has(name)).map((name) => {
    const { word } = words.emotion(name);
    return el("li", {}, el("span", { class: `swatch emotion-${name}` }, icon(name)), word);
  });
  const more = [
    ["episode", "legend_episode", data.episodes.length],
    ["mean", "legend_mean", keys.length],
    ["peak", "legend_peak", keys.length],
    ["unheard", "not_heard", data.unheard.length],
    ["late", "told_late", data.late.length],
  ];
  for (const [kind, text, shown] of more) {
    if (shown) keys.push(el("li", {}, el("span", { class: `swatch swatch-${kind}` }), t(text)));
  }
  byId("legend").replaceChildren(...keys);
}
