// One tile a bed. A tile is built once and then brought up to date in place, so that a button never
// changes under a finger and keyboard focus stays where it is.

import { el, icon, setData, setIcon, setLabel, setText } from "./dom.js";
import { hearing } from "./hearing.js";
import { ago, number, t, watch } from "./i18n.js";
import * as silences from "./silences.js";
import * as words from "./words.js";

export class Tile {
  constructor(key, act) {
    this.key = key;
    this.first = null;
    this.sign = icon("medium");
    this.name = el("h2", { class: "bed", dir: "auto" });
    this.patient = el("p", { class: "patient", dir: "auto" });
    this.word = el("strong", { class: "word" });
    this.waiting = el("span", { class: "waiting" });
    this.mic = chip();
    this.link = chip();
    this.states = el("div", { class: "states" }, this.mic.node, this.link.node);
    this.head = el("header", {}, this.sign, this.name, this.patient, this.word, this.waiting, this.states);
    this.reason = el("p", { class: "reason" });
    this.since = el("p", { class: "since" });
    this.who = el("p", { class: "who" });
    this.accept = el("button", { type: "button", class: "accept", onclick: () => act.accept(this.first.id) });
    this.close = el("button", { type: "button", class: "close", "aria-haspopup": "dialog", onclick: () => act.open(key, this.close, false) });
    this.more = el("button", { type: "button", class: "more", "aria-haspopup": "dialog", onclick: () => act.open(key, this.more, false) });
    this.hushed = el("span", { class: "hush-words" });
    this.hushLeft = el("span", { class: "hush-left", "aria-hidden": "true" }); // alone where there is little room
    this.hush = el("p", { class: "hush" }, icon("bell-off"), this.hushed, this.hushLeft);
    this.alert = el("div", { class: "alert" }, this.reason, this.since, this.who);
    this.open = el("button", { type: "button", class: "open", "aria-haspopup": "dialog", onclick: () => act.open(key, this.open, true) }); // the whole tile
    this.answers = el("div", { class: "answers" }, this.accept, this.close, this.more);
    this.face = icon("quiet");
    this.emotion = el("span", { class: "emotion" });
    this.fresh = el("span", { class: "fresh" });
    this.fill = el("span", { class: "fill" });
    this.bar = el("div", { class: "bar", role: "meter", "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
    this.number = el("span", { class: "number" });
    this.mood = el("div", { class: "mood" }, this.face, el("div", {}, this.emotion, this.fresh));
    this.level = el("div", { class: "level" }, this.bar, this.number);
    this.live = el("div", { class: "live" }, this.mood, this.level);
    this.short = el("strong", { class: "short", "aria-hidden": "true" }); // the word again, where the head has no room
    this.node = el("article", { class: "tile" }, this.head, this.alert, this.hush, this.live, this.short, this.answers, this.open);
  }

  // `bed` is null where no device stands: a ward, the hub, a bed left; `alerts` are this tile's open ones.
  update(bed, alerts, now, staleS, manyWards) {
    const sorted = [...alerts].sort(words.byUrgency);
    const first = sorted[0] || null;
    this.first = first;
    const name = words.place(bed || first, manyWards);
    const patient = bed?.patient || ""; // only where the hub tells it to whoever looks
    const whole = patient ? `${name} · ${patient}` : name;
    setText(this.name, name);
    setText(this.patient, patient);
    if (this.name.title !== whole) this.name.title = this.patient.title = whole;
    setLabel(this.node, name);
    setLabel(this.open, t("open_bed", { bed: name }));
    const hush = silences.line(bed, first, now);
    setText(this.hushed, hush ? hush.words : "");
    setText(this.hushLeft, hush ? hush.left : "");
    this.hush.hidden = !hush;
    setData(this.node, "hushed", hush ? "yes" : "no");
    this.live.hidden = this.states.hidden = !bed;
    for (const node of [this.sign, this.word, this.waiting, this.alert, this.answers]) node.toggleAttribute("hidden", !first);
    setData(this.node, "priority", first ? words.rankName(first) : "none");
    setData(this.node, "state", first ? first.state : "calm");
    if (first) this.updateAlert(first, bed, sorted.length - 1, now, name);
    if (bed) this.updateLive(bed, now, staleS);
  }

  updateAlert(alert, bed, others, now, name) {
    const accepted = alert.state === "accepted";
    const said = { bed: name, word: words.alertWord(alert) };
    setIcon(this.sign, words.alertIcon(alert));
    setText(this.word, said.word);
    setText(this.short, said.word);
    setText(this.waiting, watch(now - alert.opened_at));
    if (this.waiting.title !== t("waited")) this.waiting.title = t("waited");
    const reason = words.reason(alert, now);
    setText(this.reason, reason);
    if (this.reason.title !== reason) this.reason.title = reason;
    const calls = words.called(alert, true);
    const patient = bed?.patient ? words.isolated(bed.patient) : "";
    const by = words.accepted(alert);
    setText(this.since, [patient, by || words.condition(alert, now, bed), calls].filter(Boolean).join(" · "));
    setText(this.who, [patient, by].filter(Boolean).join(" · "));
    this.since.hidden = accepted;
    this.who.hidden = !accepted;
    this.accept.hidden = accepted;
    this.close.hidden = !accepted;
    this.more.hidden = others === 0;
    setText(this.accept, t("accept"));
    setText(this.close, t("close"));
    setText(this.more, t("more", { n: number(others) }));
    setLabel(this.accept, t("accept_label", said));
    setLabel(this.close, t("close_label", said));
  }

  updateLive(bed, now, staleS) {
    const { link, mic, cut, deaf, why, age, speaking, heard } = hearing(bed, now, staleS);
    this.mic.set(cut ? { ...mic, tone: "off" } : mic);
    this.link.set(link);
    setData(this.live, "speaking", speaking ? "yes" : "no");
    setData(this.live, "deaf", deaf ? "yes" : "no");
    if (speaking) {
      setIcon(this.face, heard.icon);
      setText(this.emotion, heard.word);
      setText(this.fresh, ago(age));
    } else {
      setIcon(this.face, deaf ? why.icon : "quiet");
      setText(this.emotion, deaf ? why.word : t("quiet"));
      setText(this.fresh, deaf ? t("not_hearing") : heard ? t("last_voice", { emotion: heard.word, ago: ago(age) }) : t("no_voice"));
    }
    const level = speaking ? Math.round(bed.distress * 100) : 0;
    this.fill.style.transform = `scaleX(${level / 100})`;
    this.bar.setAttribute("aria-valuenow", String(level));
    setLabel(this.bar, t("distress_level"));
    setText(this.number, speaking ? number(level) : "–");
  }
}

function chip() {
  const sign = icon("mic");
  const node = el("span", { class: "chip", role: "img" }, sign);
  return {
    node,
    set(state) {
      setIcon(sign, state.icon);
      setLabel(node, state.word);
      setData(node, "tone", state.tone);
      if (node.title !== state.word) node.title = state.word;
    },
  };
}
