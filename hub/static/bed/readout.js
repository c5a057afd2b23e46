// One slice of time in words, under the picture. The slider is how keyboard, finger and screen reader move.

import { byId, el, icon } from "../dom.js";
import { t, time } from "../i18n.js";
import * as words from "../words.js";
import { between, shares, sliceWords } from "./said.js";

export class Readout {
  constructor(onMove) {
    this.node = byId("readout");
    this.slider = byId("scrub");
    this.onMove = onMove;
    this.data = null;
    this.moved = false;
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
  }

  draw(data) {
    const at = this.moved && this.data ? this.data.slices[this.index()]?.at : null;
    this.data = data;
    const last = data.slices.findLastIndex((slice) => slice.at < data.now);
    this.slider.max = String(Math.max(0, last));
    const same = at === null ? -1 : data.slices.findIndex((slice) => slice.at === at);
    this.moved = same >= 0;
    this.put(this.moved ? same : last);
  }

  index() {
    return Number(this.slider.value);
  }

  show(index) {
    this.moved = true;
    this.put(index);
  }

  put(index) {
    const { data } = this;
    const slice = data?.slices[Math.min(index, Number(this.slider.max))];
    if (!slice) return;
    this.slider.value = String(index);
    const end = slice.at + data.slice_s;
    const said = sliceWords(data, slice);
    const alerts = data.alerts.filter((one) => one.raised_at >= slice.at && one.raised_at < end && one.device_id !== null);
    const top = shares(slice)[0];
    const when = between(slice.at, end);
    const texts = [...said, ...alerts.map((one) => t("alert_at", { word: words.alertWord(one), time: time(one.raised_at) }))];
    this.slider.setAttribute("aria-valuetext", [when, ...texts].join(", "));
    const strong = el("strong", {}, when);
    this.node.replaceChildren(icon(top ? words.emotion(top[0]).icon : "quiet"), strong, ...texts.map((text) => el("span", {}, text)));
    this.onMove(index);
  }
}
