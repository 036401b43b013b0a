/* The preview pane beside the text: shows the private preview page and reloads it after each save. */

import { save } from "./autosave.js";
import { announce, message } from "./messages.js";
import { form } from "./form.js";

const pane = form.querySelector("[data-beside]");
const frame = pane.querySelector("[data-beside-frame]");
const link = form.querySelector("[data-private]");
const previewButton = form.querySelector('[data-act="preview"]');
const split = pane.parentElement;

export async function open(address) {
  const result = await save({ quiet: true, address });
  if (!result) return;
  pane.hidden = false;
  split.classList.add("has-beside");
  previewButton.setAttribute("aria-expanded", "true");
  pane.querySelector("[data-beside-link]").href = result.preview;
  if (link) {
    link.querySelector("[data-private-link]").href = result.preview;
    link.hidden = false;
  }
  if (frame.getAttribute("src") !== result.preview) frame.src = result.preview;
  pane.scrollIntoView({ block: "nearest" }); // on a narrow screen the pane is below the text
  announce(message("previewOpen"));
}

/* Reloads the preview and keeps its scroll position. */
function reload() {
  const top = frame.contentWindow.scrollY;
  frame.addEventListener("load", () => frame.contentWindow.scrollTo({ top, behavior: "instant" }), { once: true });
  frame.contentWindow.location.reload();
}

function close() {
  pane.hidden = true;
  split.classList.remove("has-beside");
  previewButton.setAttribute("aria-expanded", "false");
  previewButton.focus();
}

export function start() {
  pane.querySelector("[data-beside-close]").addEventListener("click", close);
  form.addEventListener("saved", () => {
    if (!pane.hidden && frame.getAttribute("src")) reload();
  });
}
