/* Buttons of the form, and leaving the page: nothing that was typed is lost on the way. */

import { open } from "./beside.js";
import { isUnsaved, save, settle } from "./saving.js";
import { form } from "./sheet.js";
import { ready } from "./pictures.js";

let isLeaving = false;

async function submitted(event) {
  if (isLeaving) return;
  event.preventDefault();
  const { submitter } = event;
  const act = form.dataset.conflict === "true" ? "" : submitter?.dataset.act;
  await ready();
  if (act === "save") return void (await save());
  if (act === "preview") return open(submitter.formAction);
  await settle();
  // A form that is still telling of one submission ignores the next: let that end first.
  await new Promise((done) => setTimeout(done));
  isLeaving = true;
  form.dispatchEvent(new CustomEvent("leaving"));
  form.requestSubmit(submitter);
}

export function start() {
  form.addEventListener("submit", submitted);
  for (const away of form.querySelectorAll("[data-leave]")) {
    away.addEventListener("click", () => (isLeaving = true));
  }
  window.addEventListener("pageshow", () => (isLeaving = false));
  window.addEventListener("beforeunload", (event) => {
    if (!isLeaving && isUnsaved()) event.preventDefault();
  });
}
