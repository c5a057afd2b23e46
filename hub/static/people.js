// Who stands before the board: picked or typed once, remembered in this browser, shown at the top.

import { post } from "./actions.js";
import { byId, icon, setLabel, setText } from "./dom.js";
import { t } from "./i18n.js";
import { recall, remember } from "./memory.js";
import { Tablet } from "./tablet.js";

const KEY = "bedside.person";
const LONGEST = 60;
const SECOND_MS = 1000;

export class People {
  constructor() {
    this.dialog = byId("people");
    this.button = byId("you");
    this.input = byId("people-other");
    this.resolve = null;
    // Whoever is logged in is nobody else.
    this.person = document.body.dataset.person || recall(KEY).trim().slice(0, LONGEST) || null;
    this.tablet = document.body.dataset.tablet ? new Tablet(() => this.show()) : null;
    if (this.tablet) setInterval(() => this.show(), SECOND_MS);
    this.button.addEventListener("click", () => this.ask());
    byId("people-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.answer(null));
    this.dialog.addEventListener("click", (event) => {
      const name = event.target.closest?.(".name");
      if (name) this.choose(name.dataset.name);
    });
    byId("people-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.input.value.trim().slice(0, LONGEST);
      if (name) this.choose(name);
      else this.input.focus();
    });
    this.show();
  }

  // Sends an action in somebody's name; true once it is done. What is urgent a tablet sends without one, too.
  async act(path, body = {}, urgent = false) {
    if (this.tablet) return this.tablet.act(path, body, urgent);
    const person = await this.name();
    return person ? post(path, { person, ...body }) : false;
  }

  // The person's name; asks first where nobody has said who they are. null after a cancel.
  async name() {
    return this.person || this.ask();
  }

  ask() {
    if (this.tablet) {
      if (this.tablet.trusted()) this.tablet.done();
      return Promise.resolve(null);
    }
    if (document.body.dataset.person) {
      byId("account").showModal();
      return Promise.resolve(this.person);
    }
    this.answer(null);
    this.input.value = "";
    for (const button of this.dialog.querySelectorAll(".name")) {
      button.setAttribute("aria-pressed", String(button.dataset.name === this.person));
    }
    this.dialog.showModal();
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  choose(name) {
    this.person = name;
    remember(KEY, name);
    this.show();
    this.answer(name);
    this.dialog.close();
  }

  answer(name) {
    const resolve = this.resolve;
    this.resolve = null;
    if (resolve) resolve(name);
  }

  show() {
    const own = this.person ? t("you_are", { name: this.person }) : t("who_are_you");
    const { text, label } = this.tablet ? this.tablet.label() : { text: own, label: null };
    if (label) setLabel(this.button, label);
    else this.button.removeAttribute("aria-label");
    if (!this.button.firstChild) this.button.append(icon("person"), document.createElement("span"));
    setText(this.button.lastChild, text);
    this.button.classList.toggle("trusted", label !== null);
  }
}
