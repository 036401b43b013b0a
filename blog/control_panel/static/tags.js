/* Suggests existing tags while one is typed, so that the same thing is tagged with the same word. */

import { form } from "./form.js";

const field = form.elements.tags;
const offers = form.querySelector("[data-tags]");
const known = offers.dataset.known.split(",").filter(Boolean);
const MAX_OFFERS = 6;

function parts() {
  return field.value.split(/[,，、]/);
}

function offer() {
  const all = parts();
  const prefix = all.at(-1).trim().toLowerCase();
  const used = new Set(all.slice(0, -1).map((tag) => tag.trim().toLowerCase()));
  const matching = known.filter((tag) => {
    const folded = tag.toLowerCase();
    return prefix && folded.includes(prefix) && folded !== prefix && !used.has(folded);
  });
  offers.replaceChildren(...matching.slice(0, MAX_OFFERS).map(offerButton));
  offers.hidden = !matching.length;
}

function offerButton(tag) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = tag;
  button.addEventListener("click", () => {
    const before = parts().slice(0, -1).map((part) => part.trim());
    field.value = [...before, tag, ""].join(", ");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  return button;
}

export function start() {
  field.addEventListener("input", offer);
}
