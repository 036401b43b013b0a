/* The small toolbar, and the same by keys: marks of Markdown around what is selected. */

import { choose } from "./pictures.js";
import { body, form, write } from "./sheet.js";

const bar = form.querySelector("[data-marks]");
const AROUND = { bold: "**", italic: "*", code: "`" };
const BEFORE = { heading: "## ", quote: "> ", list: "- " };
const KEYS = { b: "bold", i: "italic", k: "link" };

function around(sign) {
  const { selectionStart: start, selectionEnd: end, value } = body;
  const inside = value.slice(start, end);
  if (sign === "`" && inside.includes("\n")) return write(`\`\`\`\n${inside}\n\`\`\``);
  const isMarked = value.slice(start - sign.length, start) === sign && value.slice(end, end + sign.length) === sign;
  if (isMarked) {
    write(inside, start - sign.length, end + sign.length);
    return body.setSelectionRange(start - sign.length, end - sign.length);
  }
  write(sign + inside + sign);
  body.setSelectionRange(start + sign.length, end + sign.length);
}

function before(sign) {
  const { selectionStart, selectionEnd, value } = body;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const next = value.indexOf("\n", selectionEnd);
  const end = next < 0 ? value.length : next;
  const lines = value.slice(start, end).split("\n");
  const isMarked = lines.every((line) => line.startsWith(sign));
  write(lines.map((line) => (isMarked ? line.slice(sign.length) : sign + line)).join("\n"), start, end);
}

function link() {
  const { selectionStart: start, selectionEnd: end, value } = body;
  const inside = value.slice(start, end);
  const isAddress = /^https?:\/\/\S+$/.test(inside);
  write(isAddress ? `[](${inside})` : `[${inside}](https://)`);
  if (isAddress) return body.setSelectionRange(start + 1, start + 1);
  body.setSelectionRange(start + inside.length + 3, start + inside.length + 11);
}

function mark(name) {
  body.focus({ preventScroll: true });
  if (name === "picture") return choose();
  if (name === "link") return link();
  return name in AROUND ? around(AROUND[name]) : before(BEFORE[name]);
}

/* One stop for the Tab key, arrows inside: how a toolbar is walked. */
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const all = [...bar.querySelectorAll("button")];
  const at = all.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  const next = all[(at + step + all.length) % all.length];
  for (const one of all) one.tabIndex = one === next ? 0 : -1;
  next.focus();
}

export function start() {
  bar.hidden = false;
  bar.addEventListener("keydown", walk);
  bar.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-mark]");
    if (chosen) mark(chosen.dataset.mark);
  });
  body.addEventListener("keydown", (event) => {
    const name = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && KEYS[event.key.toLowerCase()];
    if (!name) return;
    event.preventDefault();
    mark(name);
  });
}
