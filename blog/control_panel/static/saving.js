/* Saves what is typed: on Save and Ctrl-S at once, and by itself when the hands rest.
   Saving never shows anything to readers. */

import { button, dismiss, link, notice } from "./notice.js";
import { announce, clock, say } from "./sentences.js";
import { fields, form, same, typed } from "./sheet.js";

const REST = 8000;
const RETRY = 15000;
const status = form.querySelector("[data-status]");

let saved = form.hasAttribute("data-unsaved") ? null : typed();
let running = null;
let timer = null;
let holds = 0;

export const isUnsaved = () => !same(saved, typed());

/* While pictures are on their way the text holds a place for them, which must not be saved. */
export function hold() {
  holds += 1;
  return () => {
    holds -= 1;
    if (isUnsaved()) plan(REST);
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
  if (holds) return plan(REST);
  running = send(address, quiet);
  try {
    return await running;
  } finally {
    running = null;
  }
}

async function send(address, quiet) {
  const sent = typed();
  tell(say("saving"));
  let answer;
  try {
    answer = await fetch(address, {
      method: "POST",
      body: fields(),
      headers: { accept: "application/json" },
      redirect: "error",
    });
  } catch {
    return lost();
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) return refused(answer.status, told.faults ?? {}, quiet);
  return done(sent, told, quiet);
}

function done(sent, told, quiet) {
  saved = spoken(sent, told.language);
  form.elements.version.value = told.version;
  form.elements.slug.placeholder = told.slug;
  for (const kind of ["refused", "conflict", "signed-out"]) dismiss(kind);
  showFaults({});
  const later = form.querySelector("[data-when-edited]");
  if (later) later.hidden = false;
  const sentence = say("saved", { time: clock(Date.now()) });
  tell(sentence);
  if (!quiet) announce(sentence);
  form.dispatchEvent(new CustomEvent("saved"));
  if (isUnsaved()) changed();
  return told;
}

/* The first words tell the language: the choice follows, unless it was changed meanwhile. */
function spoken(sent, language) {
  const choice = form.elements.language;
  if (!language || choice.value !== sent.language) return sent;
  choice.value = language;
  choice.dispatchEvent(new Event("input", { bubbles: true }));
  return { ...sent, language };
}

function lost() {
  tell(say("offline"), true);
  plan(RETRY);
  return null;
}

function refused(code, faults, quiet) {
  if (code === 409) {
    notice("conflict", faults[""], button(say("showBoth"), () => form.requestSubmit()));
    form.dataset.conflict = "true";
  } else if (code === 401) {
    notice("signed-out", say("signedOut"), link(say("signIn"), "/sign-in"));
  } else if (code === 422) {
    showFaults(faults, !quiet);
  } else {
    notice("refused", say("refused", { status: code }));
    plan(RETRY);
  }
  tell(say(code === 422 ? "faulty" : "unsaved"), true);
  return null;
}

/* One sentence beside each field at fault, tied to it as the server does. */
function showFaults(faults, focus = false) {
  for (const old of form.querySelectorAll("[data-fault]")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const [name, sentence] of Object.entries(faults)) {
    const field = document.getElementById(`f-${name}`);
    if (!field) {
      notice("refused", sentence);
      continue;
    }
    const line = document.createElement("p");
    line.className = "field-fault";
    line.id = `f-${name}-fault`;
    line.dataset.fault = "";
    line.textContent = sentence;
    document.getElementById(line.id)?.remove();
    field.after(line);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", line.id);
    field.closest("details")?.setAttribute("open", "");
    if (focus) field.focus();
  }
  if (focus) announce(Object.values(faults).join(" "));
}

function tell(sentence, isBad = false) {
  status.textContent = sentence;
  status.classList.toggle("is-bad", isBad);
}

export function changed() {
  if (!isUnsaved()) return;
  if (!status.classList.contains("is-bad")) tell(say("unsaved"));
  if (form.dataset.conflict !== "true") plan(REST);
}

export function start() {
  form.addEventListener("input", changed);
  window.addEventListener("online", () => isUnsaved() && save({ quiet: true }));
  document.addEventListener("keydown", (event) => {
    const isSave = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    if (!isSave) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector('[data-act="save"]'));
  });
}
