// Day or night: by the time, or as chosen in this browser.

import { recall, remember } from "./memory.js";

const KEY = "bedside.light";
const EVENING = 20;
const MORNING = 7;

export const LIGHTS = ["auto", "day", "night"];

export function chosenLight() {
  const chosen = recall(KEY);
  return LIGHTS.includes(chosen) ? chosen : "auto";
}

export function chooseLight(name) {
  remember(KEY, name);
  showLight();
}

export function showLight(hour = new Date().getHours()) {
  const chosen = chosenLight();
  const night = chosen === "night" || (chosen === "auto" && (hour >= EVENING || hour < MORNING));
  const light = night ? "night" : "day";
  if (document.documentElement.dataset.light !== light) document.documentElement.dataset.light = light;
}
