// Login, accounts, tablets and patients: forms go to the hub as JSON, with the header no other site can send.
// Whatever comes back is said beside the form it is about, in the reader's language.

import { send } from "./actions.js";
import { el } from "./dom.js";
import { LANGUAGES, chooseLanguage, chosenLanguage, number, t, useLanguage } from "./i18n.js";
import { showLight } from "./light.js";
import { refusal } from "./refusals.js";

const WAIT_MS = 30000;

useLanguage();
showLight();
showLanguages();

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form);
  });
}

for (const button of document.querySelectorAll("[data-clear]")) {
  button.addEventListener("click", () => clear(button));
}

const code = document.getElementById("code");
if (code && location.hash.length > 1) {
  code.value = decodeURIComponent(location.hash.slice(1)); // after #: it reaches neither logs nor other pages
  history.replaceState(null, "", location.pathname);
  document.getElementById("password").focus();
}

function showLanguages() {
  const select = document.getElementById("language");
  const names = Object.entries(LANGUAGES).map(([name, words]) => el("option", { value: name, lang: name }, words.language));
  select.replaceChildren(el("option", { value: "" }, t("automatic")), ...names);
  select.value = chosenLanguage();
  select.onchange = () => {
    chooseLanguage(select.value);
    showLanguages();
  };
}

async function submit(form) {
  for (const again of form.querySelectorAll("[data-same-as]")) {
    if (again.value !== form.elements[again.dataset.sameAs].value) {
      say(form, t("not_same"), "alert");
      again.focus();
      return;
    }
  }
  const answer = await tell(form, form.dataset.post, values(form));
  if (!answer) return;
  if ("result" in form.dataset) {
    const link = `${location.origin}/join#${answer.code}`;
    say(form, `${t("code_for", { name: answer.name, n: number(answer.hours) })}\n${answer.code}\n${link}`, "code");
  } else if (form.dataset.patient === "put") {
    form.querySelector("[data-clear]").hidden = false;
    say(form, t("saved"), "saved");
  } else if (form.dataset.patient === "forget") {
    form.hidden = true;
    say(form.previousElementSibling, t("patient_forgotten"), "saved");
  } else if ("saved" in form.dataset) {
    form.reset();
    say(form, t("saved"), "saved");
  } else {
    location.assign(form.dataset.next);
  }
}

// The bed is empty; its device may still know how the last patient sounded.
async function clear(button) {
  const form = button.form;
  if (!(await tell(form, button.dataset.clear, {}))) return;
  form.elements.name.value = "";
  button.hidden = true;
  say(form, t("saved"), "saved");
  const bed = form.parentElement;
  if ("mayForget" in bed.dataset) bed.querySelector(".forget").hidden = false;
}

// What the hub answers; null after a refusal, which is said.
async function tell(form, path, body) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  say(form, "");
  const { ok, answer } = await send(path, body, WAIT_MS);
  for (const button of buttons) button.disabled = false;
  if (ok) return answer;
  say(form, answer ? refusal(answer) : t("no_answer"), "alert");
  return null;
}

function values(form) {
  const found = {};
  for (const field of form.querySelectorAll("[name]")) {
    const text = field.value;
    found[field.name] = "list" in field.dataset ? text.split(/[,،]/).map((one) => one.trim()).filter(Boolean) : text;
  }
  return found;
}

// Said to a screen reader too: the node is there before its text changes.
function say(form, text, kind = "saved") {
  let node = form.querySelector(".message");
  if (!node) {
    node = el("p", { class: "message" });
    form.append(node);
  }
  node.setAttribute("role", kind === "alert" ? "alert" : "status");
  node.dataset.kind = kind;
  node.textContent = text;
}
