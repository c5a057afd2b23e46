// What the hub refuses, in the reader's language: its answer has a code and the values of the sentence.

import { known, number, t } from "./i18n.js";
import { outcomeKey, person } from "./words.js";

// `answer` is the body: { code, values }. A code that this page does not know is from a newer hub.
export function refusal(answer) {
  const key = `refused_${answer.code}`;
  if (!known(key)) return t("refused_unsure");
  const said = Object.entries(answer.values || {}).map(([name, value]) => [name, word(name, value)]);
  return t(key, Object.fromEntries(said));
}

function word(name, value) {
  if (typeof value === "number") return number(value);
  if (name === "name") return person(value);
  const key = { outcome: outcomeKey(value), role: `role_${value}`, invited: `role_${value}` }[name];
  return key && known(key) ? t(key) : value;
}
