/* Handles the buttons of the form and leaving the page, so that no typed text is lost. */

import { open } from "./preview_pane.js";
import { isUnsaved, save, settle } from "./autosave.js";
import { form } from "./form.js";
import { uploadsDone } from "./pictures.js";

let isLeaving = false;

async function onSubmit(event) {
  if (isLeaving) return;
  event.preventDefault();
  const { submitter } = event;
  const action = form.dataset.conflict === "true" ? "" : submitter?.dataset.act;
  await uploadsDone();
  if (action === "save") return void (await save());
  if (action === "preview") return open(submitter.formAction);
  await settle();
  // While a submit event is being dispatched, requestSubmit does nothing: wait until it is over.
  await new Promise((resolve) => setTimeout(resolve));
  isLeaving = true;
  form.dispatchEvent(new CustomEvent("leaving"));
  form.requestSubmit(submitter);
}

export function start() {
  form.addEventListener("submit", onSubmit);
  for (const link of form.querySelectorAll("[data-leave]")) {
    link.addEventListener("click", () => (isLeaving = true));
  }
  window.addEventListener("pageshow", () => (isLeaving = false));
  window.addEventListener("beforeunload", (event) => {
    if (!isLeaving && isUnsaved()) event.preventDefault();
  });
}
