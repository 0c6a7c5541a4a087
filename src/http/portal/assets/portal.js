// What pages do besides with a script: filter while one types, tell times as one would, copy. Everything works without.
"use strict";

for (const field of document.querySelectorAll("input[data-filters]")) {
  const list = document.getElementById(field.dataset.filters);
  if (!list) continue;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
  });
}

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });
const relative = (seconds) => {
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit);
  }
  return seconds < 0 ? "just now" : "in less than a minute";
};
const tell = () => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    time.title ||= time.textContent;
    time.textContent = "countsDown" in time.dataset && seconds <= 0 ? "over" : relative(seconds);
  }
};
tell();
setInterval(tell, 30000);

for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = "Copied";
  });
}

// Passkeys: a form says what to ask the browser for; the answer goes into a field of it. What is binary is base64url in both.
const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toText = (bytes) => {
  const letters = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};
const named = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));
const askForPasskey = async (options) => {
  const isNew = "user" in options;
  const publicKey = { ...options, challenge: toBytes(options.challenge) };
  if (isNew) {
    publicKey.user = { ...options.user, id: toBytes(options.user.id) };
    publicKey.excludeCredentials = named(options.excludeCredentials);
  } else {
    publicKey.allowCredentials = named(options.allowCredentials);
  }
  const made = await (isNew ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
  const response = { clientDataJSON: toText(made.response.clientDataJSON) };
  if (isNew) {
    response.attestationObject = toText(made.response.attestationObject);
    response.transports = made.response.getTransports?.() ?? [];
  } else {
    response.authenticatorData = toText(made.response.authenticatorData);
    response.signature = toText(made.response.signature);
    response.userHandle = made.response.userHandle ? toText(made.response.userHandle) : null;
  }
  return { id: made.id, rawId: toText(made.rawId), type: made.type, response, extensions: made.getClientExtensionResults() };
};
const refusals = {
  NotAllowedError: "Nothing came of it: it was cancelled, it took too long, or there is no such passkey here. Try once more.",
  InvalidStateError: "This device has a passkey of yours already.",
  SecurityError: "Passkeys do not work at this address.",
};
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button[type=submit]");
  const told = form.querySelector("[data-told]");
  const tells = (text) => {
    told.textContent = text;
    told.hidden = !text;
  };
  if (!window.PublicKeyCredential) {
    if (!form.classList.contains("bare")) tells("This browser knows no passkeys.");
    continue;
  }
  button.hidden = false;
  window.addEventListener("pageshow", () => (form.elements.answer.value = ""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    tells("");
    try {
      form.elements.answer.value = JSON.stringify(await askForPasskey(JSON.parse(form.dataset.passkey)));
      form.submit();
    } catch (error) {
      tells(refusals[error.name] ?? `That did not work: ${error.message}`);
      button.disabled = false;
    }
  });
}
