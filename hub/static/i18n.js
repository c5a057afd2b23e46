// The board's languages: one module each, all loaded with the page so that changing needs no hub.
// Numbers and times are the browser's (Intl); the choice is remembered in this browser.

import ar from "./lang/ar.js";
import de from "./lang/de.js";
import en from "./lang/en.js";
import es from "./lang/es.js";
import fr from "./lang/fr.js";
import hi from "./lang/hi.js";
import { recall, remember } from "./memory.js";

export const LANGUAGES = { en, de, fr, es, hi, ar };
const RIGHT_TO_LEFT = new Set(["ar"]);
const KEY = "bedside.language";

let language = "en";
let locale = "en";
let numbers = new Intl.NumberFormat(locale);
let pairs = numbers;
let clock = new Intl.DateTimeFormat(locale);
let calendar = clock;

// A page's own texts beside the board's, by language.
export function addTexts(more) {
  for (const [name, texts] of Object.entries(more)) Object.assign(LANGUAGES[name], texts);
}

// "" for the browser's own choice.
export function chosenLanguage() {
  const chosen = recall(KEY);
  return Object.hasOwn(LANGUAGES, chosen) ? chosen : "";
}

export function chooseLanguage(name) {
  remember(KEY, name);
  useLanguage();
}

// Takes the chosen language, or the first of the browser's that there is, and translates the page.
export function useLanguage() {
  const wished = chosenLanguage();
  const tags = navigator.languages?.length ? navigator.languages : [navigator.language || "en"];
  const base = (tag) => tag.toLowerCase().split("-")[0];
  const own = tags.find((tag) => (wished ? base(tag) === wished : Object.hasOwn(LANGUAGES, base(tag))));
  language = wished || base(own || "en");
  locale = own || language;
  numbers = new Intl.NumberFormat(locale);
  pairs = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 });
  clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  calendar = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" });
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t, values(node));
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel, values(node)));
}

// What the hub wrote beside a text for its places: data-v-n is a number, data-v-ago a time, others as they are.
function values(node) {
  const found = {};
  for (const [key, value] of Object.entries(node.dataset)) {
    if (!/^v[A-Z]/.test(key)) continue;
    const name = key[1].toLowerCase() + key.slice(2);
    if (name === "n") found[name] = number(Number(value));
    else found[name] = name === "ago" ? ago(Date.now() / 1000 - Number(value)) : value;
  }
  return found;
}

export function languageName() {
  return language;
}

// The text for a key with its {places} filled in; filled once, so that what people wrote is never taken
// for a place.
export function t(key, values = {}) {
  return LANGUAGES[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

export function known(key) {
  return Object.hasOwn(LANGUAGES.en, key);
}

export function number(value) {
  return numbers.format(value);
}

// A number with its unit in words, in the right plural: 1 hour, 45 seconds, 200 MB.
export function quantity(value, unit) {
  const unitDisplay = unit === "megabyte" ? "short" : "long";
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 }).format(value);
}

export function list(parts) {
  return new Intl.ListFormat(locale, { type: "unit", style: "short" }).format(parts);
}

export function time(seconds) {
  return clock.format(new Date(seconds * 1000));
}

export function day(seconds) {
  return calendar.format(new Date(seconds * 1000));
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 120) return t("seconds", { n: number(s) });
  if (s < 7200) return t("minutes", { n: number(Math.floor(s / 60)) });
  if (s < 172800) return t("hours", { n: number(Math.floor(s / 3600)) });
  return t("days", { n: number(Math.floor(s / 86400)) });
}

export function ago(seconds) {
  return seconds < 3 ? t("now") : t("ago", { span: span(seconds) });
}

// Like a stop watch: 0:07, 12:40; hours and days as words.
export function watch(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  return s < 3600 ? `${number(Math.floor(s / 60))}:${pairs.format(s % 60)}` : span(s);
}
