// What this browser remembers of how the board looks here: language, day or night. Keeps the screen awake.

import { byId, el } from "./dom.js";
import { LANGUAGES, chooseLanguage, chosenLanguage, t } from "./i18n.js";
import { LIGHTS, chooseLight, chosenLight, showLight } from "./light.js";

export class Settings {
  constructor(onLanguage) {
    this.dialog = byId("settings");
    this.language = byId("language");
    this.light = byId("light");
    byId("menu").addEventListener("click", () => this.dialog.showModal());
    byId("settings-done").addEventListener("click", () => this.dialog.close());
    this.language.addEventListener("change", () => {
      chooseLanguage(this.language.value);
      this.show();
      onLanguage();
    });
    this.light.addEventListener("change", () => {
      chooseLight(this.light.value);
    });
    this.show();
    this.showLight();
    this.stayAwake();
    document.addEventListener("visibilitychange", () => this.stayAwake());
  }

  show() {
    const names = Object.entries(LANGUAGES).map(([name, words]) => el("option", { value: name, lang: name }, words.language));
    this.language.replaceChildren(el("option", { value: "" }, t("automatic")), ...names);
    this.language.value = chosenLanguage();
    this.light.replaceChildren(...LIGHTS.map((name) => el("option", { value: name }, t(`light_${name}`))));
    this.light.value = chosenLight();
  }

  showLight() {
    showLight();
  }

  // Browsers give the wake lock back whenever the page is hidden; only HTTPS and this machine may ask.
  async stayAwake() {
    if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      await navigator.wakeLock.request("screen");
    } catch {
      // refused, for example with a low battery; asked again when the page is next shown
    }
  }
}
