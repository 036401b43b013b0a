/* A copy of unsaved words in this browser, for when the network, the power or the tab goes.
   It is offered on return and forgotten as soon as everything is saved. */

import { button, dismiss, notice } from "./notice.js";
import { announce, dayAndClock, say } from "./sentences.js";
import { isUnsaved, plan } from "./saving.js";
import { fill, form, same, typed } from "./sheet.js";

const KEY = `inkhouse:${form.dataset.user}:${form.dataset.post}`;
const SOON = 500;
const version = () => Number(form.elements.version.value);
let timer = null;
let isSent = false;

function keep() {
  clearTimeout(timer);
  if (!isUnsaved()) return forget();
  try {
    localStorage.setItem(KEY, JSON.stringify({ values: typed(), at: Date.now(), version: version(), isSent }));
  } catch {
    // A full or forbidden store: saving on the server goes on without it.
  }
}

function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Forbidden, so there is nothing to forget.
  }
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

/* An empty slug was filled in by the server. */
function stands(values) {
  return same({ ...values, slug: values.slug || form.elements.slug.value }, typed());
}

function offer({ values, at }) {
  const back = button(say("bringBack"), () => {
    fill(values);
    dismiss("kept");
    announce(say("brought"));
    plan(SOON);
  });
  const drop = button(say("forget"), () => {
    forget();
    dismiss("kept");
  });
  notice("kept", say("kept", { time: dayAndClock(at) }), back, drop);
}

export function start() {
  const copy = kept();
  const hasArrived = copy?.isSent && version() > copy.version;
  if (form.hasAttribute("data-unsaved")) keep();
  else if (copy && !hasArrived && !stands(copy.values)) offer(copy);
  else forget();
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, SOON);
  });
  form.addEventListener("saved", keep);
  form.addEventListener("leaving", () => {
    isSent = true;
    keep();
  });
  window.addEventListener("pageshow", () => (isSent = false));
  window.addEventListener("pagehide", () => isUnsaved() && keep());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && isUnsaved()) keep();
  });
}
