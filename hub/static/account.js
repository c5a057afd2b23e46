// Who is logged in: the way out, and back to the login page once the session has ended.

import { post } from "./actions.js";

const CHECK_MS = 5000;

if (document.body.dataset.person || document.body.dataset.tablet) setInterval(check, CHECK_MS);
if (document.body.dataset.person) {
  document.getElementById("logout").addEventListener("click", () => leave("/api/logout"));
  document.getElementById("logout-everywhere").addEventListener("click", () => leave("/api/logout-everywhere"));
  document.getElementById("account-close").addEventListener("click", () => document.getElementById("account").close());
}

async function leave(path) {
  await post(path, {});
  check();
}

async function check() {
  const response = await fetch("/api/me").catch(() => null);
  if (response && response.status === 401) location.assign("/login");
}
