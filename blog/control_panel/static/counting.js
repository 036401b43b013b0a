/* How long the text is: words between spaces, and Han characters each. */

import { say } from "./sentences.js";
import { body, form } from "./sheet.js";

const WORDS_A_MINUTE = 230;
const HAN_A_MINUTE = 400;
const EAST = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;
const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;
const note = form.querySelector("[data-count]");
let timer = null;

function count() {
  const text = body.value.replace(/\]\([^)\s]*\)/g, "]");
  const han = text.match(EAST)?.length ?? 0;
  const latin = text.replace(EAST, " ").match(WORD)?.length ?? 0;
  const minutes = Math.max(1, Math.round(latin / WORDS_A_MINUTE + han / HAN_A_MINUTE));
  const words = han + latin;
  note.hidden = !words;
  const number = words.toLocaleString(document.documentElement.lang);
  note.textContent = `${say(words === 1 ? "countOne" : "countMany", { words: number })} · ${say(minutes === 1 ? "minute" : "minutes", { minutes })}`;
}

export function start() {
  body.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(count, 300);
  });
  form.addEventListener("input", () => (body.lang = form.elements.title.lang = form.elements.language.value));
  count();
}
