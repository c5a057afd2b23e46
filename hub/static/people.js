// Who stands before the board: picked or typed once, remembered in this browser, shown at the top.

import { byId, icon } from "./dom.js";
import { t } from "./i18n.js";
import { recall, remember } from "./memory.js";

const KEY = "bedside.person";
const LONGEST = 60;

export class People {
  constructor() {
    this.dialog = byId("people");
    this.button = byId("you");
    this.input = byId("people-other");
    this.resolve = null;
    // Whoever is logged in is nobody else.
    this.person = document.body.dataset.person || recall(KEY).trim().slice(0, LONGEST) || null;
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

  // The person's name; asks first where nobody has said who they are. null after a cancel.
  async name() {
    return this.person || this.ask();
  }

  ask() {
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
    const text = document.createElement("span");
    text.textContent = this.person ? t("you_are", { name: this.person }) : t("who_are_you");
    this.button.replaceChildren(icon("person"), text);
  }
}
