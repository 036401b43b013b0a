/* Tags that the blog has already, offered while one is typed: one word for one thing. */

import { form } from "./sheet.js";

const field = form.elements.tags;
const offers = form.querySelector("[data-tags]");
const known = offers.dataset.known.split(",").filter(Boolean);
const MOST = 6;

function parts() {
  return field.value.split(/[,，、]/);
}

function offer() {
  const all = parts();
  const begun = all.at(-1).trim().toLowerCase();
  const used = new Set(all.slice(0, -1).map((tag) => tag.trim().toLowerCase()));
  const found = known.filter((tag) => {
    const folded = tag.toLowerCase();
    return begun && folded.includes(begun) && folded !== begun && !used.has(folded);
  });
  offers.replaceChildren(...found.slice(0, MOST).map(choice));
  offers.hidden = !found.length;
}

function choice(tag) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = tag;
  made.addEventListener("click", () => {
    const before = parts().slice(0, -1).map((one) => one.trim());
    field.value = [...before, tag, ""].join(", ");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  return made;
}

export function start() {
  field.addEventListener("input", offer);
}
