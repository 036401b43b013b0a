/* Saves the post: at once on Save and Ctrl-S, and automatically after a pause in typing. Saving never
   publishes anything. */

import { button, dismiss, link, notice } from "./notice.js";
import { announce, clock, message } from "./messages.js";
import { fields, form, same, typed } from "./form.js";

const PAUSE = 8000; // milliseconds
const RETRY = 15000;
const status = form.querySelector("[data-status]");

let saved = form.hasAttribute("data-unsaved") ? null : typed();
let running = null;
let timer = null;
let holds = 0;

export const isUnsaved = () => !same(saved, typed());

/* Delays saving while a picture is uploaded, because the text then holds a placeholder for it.
   Returns the function that ends the delay. */
export function hold() {
  holds += 1;
  return () => {
    holds -= 1;
    if (isUnsaved()) plan(PAUSE);
  };
}

export function plan(delay) {
  clearTimeout(timer);
  timer = setTimeout(() => save({ quiet: true }), delay);
}

export function settle() {
  return running ?? Promise.resolve();
}

export async function save({ quiet = false, address = form.action } = {}) {
  clearTimeout(timer);
  while (running) await running;
  if (holds) return plan(PAUSE);
  running = send(address, quiet);
  try {
    return await running;
  } finally {
    running = null;
  }
}

async function send(address, quiet) {
  const sent = typed();
  showStatus(message("saving"));
  let response;
  try {
    response = await fetch(address, {
      method: "POST",
      body: fields(),
      headers: { accept: "application/json" },
      redirect: "error",
    });
  } catch {
    return onOffline();
  }
  const result = await response.json().catch(() => ({}));
  if (!response.ok) return onRefused(response.status, result.faults ?? {}, quiet);
  return onSaved(sent, result, quiet);
}

function onSaved(sent, result, quiet) {
  saved = withLanguage(sent, result.language);
  form.elements.version.value = result.version;
  form.elements.slug.placeholder = result.slug;
  for (const kind of ["refused", "conflict", "signed-out"]) dismiss(kind);
  showFaults({});
  const editedNote = form.querySelector("[data-when-edited]");
  if (editedNote) editedNote.hidden = false;
  const sentence = message("saved", { time: clock(Date.now()) });
  showStatus(sentence);
  if (!quiet) announce(sentence);
  form.dispatchEvent(new CustomEvent("saved"));
  if (isUnsaved()) onInput();
  return result;
}

/* The server detects the language from the first words. Selects it in the form, unless the author has
   changed the selection meanwhile. Returns the saved values with that language. */
function withLanguage(sent, language) {
  const select = form.elements.language;
  if (!language || select.value !== sent.language) return sent;
  select.value = language;
  select.dispatchEvent(new Event("input", { bubbles: true }));
  return { ...sent, language };
}

function onOffline() {
  showStatus(message("offline"), true);
  plan(RETRY);
  return null;
}

function onRefused(code, faults, quiet) {
  if (code === 409) {
    notice("conflict", faults[""], button(message("showBoth"), () => form.requestSubmit()));
    form.dataset.conflict = "true";
  } else if (code === 401) {
    notice("signed-out", message("signedOut"), link(message("signIn"), "/sign-in"));
  } else if (code === 422) {
    showFaults(faults, !quiet);
  } else {
    notice("refused", message("refused", { status: code }));
    plan(RETRY);
  }
  showStatus(message(code === 422 ? "faulty" : "unsaved"), true);
  return null;
}

/* Shows an error beside each invalid field and links it to the field, as the server does. */
function showFaults(faults, focus = false) {
  for (const old of form.querySelectorAll("[data-fault]")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const [name, sentence] of Object.entries(faults)) {
    const field = document.getElementById(`f-${name}`);
    if (!field) {
      notice("refused", sentence);
      continue;
    }
    const error = document.createElement("p");
    error.className = "field-fault";
    error.id = `f-${name}-fault`;
    error.dataset.fault = "";
    error.textContent = sentence;
    document.getElementById(error.id)?.remove();
    field.after(error);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", error.id);
    field.closest("details")?.setAttribute("open", "");
    if (focus) field.focus();
  }
  if (focus) announce(Object.values(faults).join(" "));
}

function showStatus(sentence, isBad = false) {
  status.textContent = sentence;
  status.classList.toggle("is-bad", isBad);
}

export function onInput() {
  if (!isUnsaved()) return;
  if (!status.classList.contains("is-bad")) showStatus(message("unsaved"));
  if (form.dataset.conflict !== "true") plan(PAUSE);
}

export function start() {
  form.addEventListener("input", onInput);
  window.addEventListener("online", () => isUnsaved() && save({ quiet: true }));
  document.addEventListener("keydown", (event) => {
    const isSave = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    if (!isSave) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector('[data-act="save"]'));
  });
}
