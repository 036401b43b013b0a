/* Buttons of the form, and leaving the page: nothing that was typed is lost on the way. */

import { open } from "./beside.js";
import { isUnsaved, save, settle } from "./saving.js";
import { form } from "./sheet.js";
import { ready } from "./pictures.js";

let isLeaving = false;

async function submitted(event) {
  const act = event.submitter?.dataset.act;
  if (isLeaving || (act === "save" && form.dataset.conflict === "true")) return void (isLeaving = true);
  event.preventDefault();
  await ready();
  if (act === "save") return void (await save());
  if (act === "preview") return open(event.submitter.formAction);
  await settle();
  isLeaving = true;
  form.requestSubmit(event.submitter);
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
