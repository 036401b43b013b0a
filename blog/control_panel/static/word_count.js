/* Shows the length of the text and its reading time. A word is a run of letters or digits, and
   each Han or kana character counts as one too. */

import { message } from "./messages.js";
import { body, form } from "./form.js";

const WORDS_PER_MINUTE = 230;
const CJK_PER_MINUTE = 400;
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;
const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;
const output = form.querySelector("[data-count]");
let timer = null;

function count() {
  const text = body.value.replace(/\]\([^)\s]*\)/g, "]");
  const cjk = text.match(CJK)?.length ?? 0;
  const latin = text.replace(CJK, " ").match(WORD)?.length ?? 0;
  const minutes = Math.max(1, Math.round(latin / WORDS_PER_MINUTE + cjk / CJK_PER_MINUTE));
  const words = cjk + latin;
  output.hidden = !words;
  const number = words.toLocaleString(document.documentElement.lang);
  output.textContent = `${message(words === 1 ? "countOne" : "countMany", { words: number })} · ${message(minutes === 1 ? "minute" : "minutes", { minutes })}`;
}

export function start() {
  body.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(count, 300);
  });
  form.addEventListener("input", () => {
    for (const field of form.querySelectorAll("[name][lang]")) field.lang = form.elements.language.value;
  });
  count();
}
