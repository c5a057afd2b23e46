// A ward's shared tablet: whoever acts chooses a name and gives a PIN, and for a short time needs none again.
// Nobody is kept from accepting an alert: without a PIN it is accepted all the same, and said to be so.

import { ask, send, toast } from "./actions.js";
import { seconds } from "./clock.js";
import { byId, el, setText } from "./dom.js";
import { number, span, t } from "./i18n.js";
import { refusal } from "./refusals.js";

const LEAST = 4;
const MOST = 8;
const AGAIN_MS = 60000; // how often the list of names is brought up to date
const LEFT_MS = 60000; // a dialog nobody touches for so long is closed

export class Tablet {
  constructor(onPerson) {
    this.name = document.body.dataset.tablet;
    this.onPerson = onPerson;
    this.dialog = byId("sign");
    this.here = { people: [], person: null, until: null, nameless: true };
    this.offset = 0; // the hub's clock less `seconds`
    this.clear();
    this.build();
    this.refresh();
    setInterval(() => this.refresh(), AGAIN_MS);
  }

  // Who needs no PIN at this moment, and for how many seconds; null after that.
  trusted() {
    const left = (this.here.until ?? 0) - seconds() - this.offset;
    const person = this.here.people.find((one) => one.id === this.here.person);
    return person && left > 0 ? { ...person, left } : null;
  }

  async refresh() {
    const answer = await ask("/api/tablet");
    if (!answer) return;
    this.here = answer;
    this.offset = answer.now - seconds();
    this.onPerson();
    if (this.dialog.open && !this.person) this.draw();
  }

  // Whoever needs no PIN needs one again. True once it is so.
  async done() {
    const { ok, answer } = await send("/api/tablet/done", {});
    if (!ok) return this.refuse(answer);
    this.here.person = null;
    this.onPerson();
    this.refresh();
    return true;
  }

  // Does it in the name of whoever gives a PIN; `urgent` may be done without one. True once it is done.
  async act(path, body, urgent) {
    const trusted = this.trusted();
    if (trusted) {
      const { ok, answer } = await send(path, { ...body, by: trusted.id });
      if (ok) return true;
      if (answer?.code !== "pin_needed") return this.refuse(answer);
    }
    this.clear();
    this.wish = { path, body, urgent };
    this.refresh();
    this.draw();
    if (!this.dialog.open) this.dialog.showModal();
    this.wake();
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  clear() {
    this.resolve?.(false);
    this.resolve = null;
    this.wish = null;
    this.person = null;
    this.pin = "";
    this.busy = false;
  }

  build() {
    const key = (digit) => el("button", { type: "button", class: "key", "data-digit": digit, onclick: () => this.press(digit) });
    byId("sign-keys").replaceChildren(
      ...["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(key),
      el("button", { type: "button", class: "key", id: "sign-delete", onclick: () => this.press("") }, "⌫"),
      key("0"),
      el("button", { type: "button", class: "key primary", id: "sign-ok", onclick: () => this.give() }),
    );
    byId("sign-nameless").addEventListener("click", () => this.submit({}));
    byId("sign-other").addEventListener("click", () => this.choose(null));
    byId("sign-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.clear());
    this.dialog.addEventListener("pointerdown", () => this.wake());
    document.addEventListener("keydown", (event) => this.type(event)); // focus may be on no button of it
  }

  wake() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.dialog.close(), LEFT_MS);
  }

  draw() {
    const names = !this.person;
    setText(byId("sign-title"), names ? t("who_are_you") : t("tablet_pin", { name: this.person.name }));
    byId("sign-names").hidden = !names;
    byId("sign-pad").hidden = names;
    byId("sign-other").hidden = names;
    byId("sign-without").hidden = !(this.wish?.urgent && this.here.nameless);
    if (names) this.drawNames();
    else this.drawPin();
  }

  drawNames() {
    const key = JSON.stringify([document.documentElement.lang, this.here.people]);
    if (key === this.shown) return; // a button must not move under a finger
    this.shown = key;
    const groups = [true, false].map((lately) => this.here.people.filter((one) => one.on_duty === lately));
    const parts = [];
    groups.forEach((group, index) => {
      if (!group.length) return;
      if (groups.every((one) => one.length)) parts.push(el("h3", {}, t(index ? "tablet_others" : "tablet_lately")));
      const buttons = group.map((one) => el("button", { type: "button", class: "name", dir: "auto", onclick: () => this.choose(one) }, one.name));
      parts.push(el("div", { class: "names" }, ...buttons));
    });
    if (!parts.length) parts.push(el("p", {}, t("tablet_nobody")));
    byId("sign-names").replaceChildren(...parts);
  }

  drawPin() {
    for (const button of this.dialog.querySelectorAll("[data-digit]")) setText(button, number(Number(button.dataset.digit)));
    setText(byId("sign-ok"), t("tablet_ok"));
    byId("sign-delete").setAttribute("aria-label", t("tablet_delete"));
    byId("sign-ok").disabled = this.busy || this.pin.length < LEAST;
    setText(byId("sign-dots"), "●".repeat(this.pin.length) + "○".repeat(Math.max(0, LEAST - this.pin.length)));
    setText(byId("sign-count"), t("tablet_digits", { n: number(this.pin.length) }));
  }

  choose(person) {
    this.person = person;
    this.pin = "";
    this.say("");
    this.draw();
    const first = person ? this.dialog.querySelector('[data-digit="1"]') : this.dialog.querySelector(".name");
    first?.focus();
  }

  press(digit) {
    if (this.busy) return;
    this.pin = digit ? (this.pin + digit).slice(0, MOST) : this.pin.slice(0, -1);
    this.say("");
    this.draw();
  }

  type(event) {
    if (!this.dialog.open) return;
    this.wake();
    if (!this.person || event.altKey || event.ctrlKey || event.metaKey) return;
    if (/^[0-9]$/.test(event.key)) this.press(event.key);
    else if (event.key === "Backspace") this.press("");
    else if (event.key === "Enter" && this.pin.length >= LEAST && !event.target.closest("#sign-cancel, #sign-other, #sign-nameless")) this.give();
    else return;
    event.preventDefault();
  }

  give() {
    if (!this.busy && this.pin.length >= LEAST) this.submit({ by: this.person.id, pin: this.pin });
  }

  async submit(who) {
    const { path, body } = this.wish;
    const resolve = this.resolve;
    this.busy = true;
    this.draw();
    const { ok, answer } = await send(path, { ...body, ...who });
    this.busy = false;
    this.pin = "";
    if (this.resolve !== resolve) return; // closed meanwhile
    if (!ok && (answer?.code === "busy" || answer?.code?.includes("pin"))) {
      this.say(refusal(answer));
      this.draw();
      (this.person ? this.dialog.querySelector('[data-digit="1"]') : byId("sign-cancel")).focus();
      return;
    }
    this.resolve = null;
    this.dialog.close();
    this.refresh();
    resolve(ok || this.refuse(answer));
  }

  refuse(answer) {
    toast(answer ? refusal(answer) : t("no_answer"));
    return false;
  }

  say(text) {
    setText(byId("sign-message"), text);
  }

  // What the button at the top says.
  label() {
    const trusted = this.trusted();
    if (!trusted) return { text: t("tablet", { name: this.name }), label: null };
    const values = { name: trusted.name, span: span(Math.ceil(trusted.left)) };
    return { text: t("tablet_until", values), label: t("tablet_done", values) };
  }
}
