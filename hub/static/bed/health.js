// The bed's device: what it last said of itself, and the latest changes of its link and microphone.

import { byId, el, icon } from "../dom.js";
import { ago, number, t } from "../i18n.js";
import * as words from "../words.js";
import { moment } from "./said.js";

export function drawHealth(data, staleS) {
  const { bed, now } = data;
  const link = words.link(bed, now, staleS);
  const mic = words.microphone(bed.microphone);
  const rows = [
    ["h_link", link.word, link.tone, link.icon],
    ["h_heard", ago(now - bed.heard_at), link.tone],
    ["h_microphone", `${mic.word}, ${t("since", { time: moment(bed.microphone_at, now) })}`, mic.tone, mic.icon],
    ["h_level", bed.level_db === null ? null : t("db", { n: number(Math.round(bed.level_db)) })],
    ["h_outbox", bed.outbox === null ? null : number(bed.outbox), bed.outbox > 100 ? "bad" : "ok"],
    ["h_clock", bed.clock_off_at === null ? t("clock_ok") : t("clock_off", { time: moment(bed.clock_off_at, now) }), bed.clock_off_at === null ? "ok" : "bad"],
    ["h_disk", disk(bed, now), bed.storage_refused_at === null ? "ok" : "bad"],
    ["h_certificate", bed.certificate_days === null ? null : t("days_left", { n: number(Math.floor(bed.certificate_days)) }), bed.certificate_days < 14 ? "bad" : "ok"],
    ["h_temperature", bed.temperature_c === null ? null : t("celsius", { n: number(Math.round(bed.temperature_c)) }), bed.temperature_c >= 80 ? "bad" : "ok"],
    ["h_model", bed.model_refused === null ? bed.model : t("model_refused", { model: bed.model, why: bed.model_refused }), bed.model_refused === null ? "ok" : "bad"],
    ["h_software", bed.software],
    ["h_device", `${bed.ward}/${bed.name}`],
  ];
  const cells = rows
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value, tone = "ok", sign]) => el("div", { "data-tone": tone }, el("dt", {}, t(key)), el("dd", { dir: "auto" }, ...(sign ? [icon(sign)] : tone === "bad" ? [icon("technical")] : []), value)));
  byId("health").replaceChildren(...cells);
  byId("states").replaceChildren(...data.states.map((one) => state(one, now)));
}

function disk(bed, now) {
  if (bed.storage_refused_at !== null) return t("disk_refuses", { time: moment(bed.storage_refused_at, now) });
  return bed.disk_free_mb === null ? null : t("disk_free", { n: number(Math.round(bed.disk_free_mb)) });
}

function state(one, now) {
  const links = { offline: t("link_offline"), silent: t("link_silent"), deaf: t("why_deaf") };
  const mic = words.microphone(one.microphone);
  const text = links[one.link] || mic.word;
  const sign = one.link === "online" ? mic.icon : "link-off";
  const reason = one.reason ? ` (${one.reason})` : "";
  return el("li", {}, icon(sign), el("time", {}, moment(one.at, now)), el("span", { dir: "auto" }, `${text}${reason}`));
}
