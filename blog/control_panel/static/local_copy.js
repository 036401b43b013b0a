/* Keeps a copy of unsaved text in localStorage, in case the network or the browser fails. The copy
   is offered when the page is opened again, and removed as soon as everything is saved. */

import { button, dismiss, notice } from "./notice.js";
import { announce, dayAndClock, message } from "./messages.js";
import { isUnsaved, plan } from "./autosave.js";
import { fill, form, same, typed } from "./form.js";

const KEY = `inkhouse:${form.dataset.user}:${form.dataset.post}`;
const DELAY = 500; // milliseconds
const version = () => Number(form.elements.version.value);
let timer = null;
let isSent = false;

function store() {
  clearTimeout(timer);
  if (!isUnsaved()) return remove();
  try {
    localStorage.setItem(KEY, JSON.stringify({ values: typed(), at: Date.now(), version: version(), isSent }));
  } catch {
    // localStorage is full or not allowed. Saving on the server does not need it.
  }
}

function remove() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // localStorage is not allowed, so there is nothing to remove.
  }
}

function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

/* Whether the form holds these values. The server fills in an empty slug, so that is no change. */
function isShown(values) {
  const shown = typed();
  return same({ ...shown, ...values, slug: values.slug || shown.slug }, shown);
}

function offer({ values, at }) {
  const restore = button(message("bringBack"), () => {
    fill(values);
    dismiss("kept");
    announce(message("brought"));
    plan(DELAY);
  });
  const discard = button(message("forget"), () => {
    remove();
    dismiss("kept");
  });
  notice("kept", message("kept", { time: dayAndClock(at) }), restore, discard);
}

export function start() {
  const copy = load();
  const wasSaved = copy?.isSent && version() > copy.version;
  if (form.hasAttribute("data-unsaved")) store();
  else if (copy && !wasSaved && !isShown(copy.values)) offer(copy);
  else remove();
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(store, DELAY);
  });
  form.addEventListener("saved", store);
  form.addEventListener("leaving", () => {
    isSent = true;
    store();
  });
  window.addEventListener("pageshow", () => (isSent = false));
  window.addEventListener("pagehide", () => isUnsaved() && store());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && isUnsaved()) store();
  });
}
