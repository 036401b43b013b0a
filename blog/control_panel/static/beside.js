/* The preview beside the text: the page of the front room, renewed with each save. */

import { save } from "./saving.js";
import { announce, say } from "./sentences.js";
import { form } from "./sheet.js";

const pane = form.querySelector("[data-beside]");
const frame = pane.querySelector("[data-beside-frame]");
const link = form.querySelector("[data-private]");
const act = form.querySelector('[data-act="preview"]');
const split = pane.parentElement;

export async function open(address) {
  const told = await save({ quiet: true, address });
  if (!told) return;
  pane.hidden = false;
  split.classList.add("has-beside");
  act.setAttribute("aria-expanded", "true");
  pane.querySelector("[data-beside-link]").href = told.preview;
  if (link) {
    link.querySelector("[data-private-link]").href = told.preview;
    link.hidden = false;
  }
  if (frame.getAttribute("src") !== told.preview) frame.src = told.preview;
  pane.scrollIntoView({ block: "nearest" }); // on a narrow screen it stands below the text
  announce(say("previewOpen"));
}

/* Where one was reading, one stays. */
function renew() {
  const place = frame.contentWindow.scrollY;
  frame.addEventListener("load", () => frame.contentWindow.scrollTo({ top: place, behavior: "instant" }), { once: true });
  frame.contentWindow.location.reload();
}

function close() {
  pane.hidden = true;
  split.classList.remove("has-beside");
  act.setAttribute("aria-expanded", "false");
  act.focus();
}

export function start() {
  pane.querySelector("[data-beside-close]").addEventListener("click", close);
  form.addEventListener("saved", () => {
    if (!pane.hidden && frame.getAttribute("src")) renew();
  });
}
