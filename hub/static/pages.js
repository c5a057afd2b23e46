// Login, invitation and the list of people: forms go to the hub as JSON, with the header no other site can send.

const WAIT_MS = 30000;
const message = document.getElementById("message");

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form).catch(() => say("The hub does not answer. Nothing was recorded; try again."));
  });
}

const code = document.getElementById("code");
if (code && location.hash.length > 1) {
  code.value = decodeURIComponent(location.hash.slice(1)); // after #: it reaches neither logs nor other pages
  history.replaceState(null, "", location.pathname);
  document.getElementById("password").focus();
}

async function send(form) {
  const again = form.querySelector("[data-same-as]");
  if (again && again.value !== form.elements[again.dataset.sameAs].value) {
    say("The two passwords are not the same.");
    again.focus();
    return;
  }
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  say("");
  try {
    const response = await fetch(form.dataset.post, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Requested-With": "bedside" },
      body: JSON.stringify(values(form)),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
      const text = typeof answer.detail === "string" ? answer.detail : "the hub did not understand that";
      say(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
    } else if (form.dataset.result) {
      show(answer);
    } else {
      location.assign(form.dataset.next);
    }
  } finally {
    button.disabled = false;
  }
}

function values(form) {
  const found = {};
  for (const field of form.querySelectorAll("[name]")) {
    const text = field.value;
    found[field.name] = "list" in field.dataset ? text.split(",").map((one) => one.trim()).filter(Boolean) : text;
  }
  return found;
}

function show(answer) {
  const node = document.getElementById("result");
  const link = `${location.origin}/join#${answer.code}`;
  node.textContent = `For ${answer.name}, once, within ${answer.hours} hours. The code is not shown again.\n${answer.code}\n${link}`;
}

function say(text) {
  message.textContent = text;
}
