/* The formatting toolbar and its keyboard shortcuts, which put Markdown around the selection. */

import { choose } from "./pictures.js";
import { body, form, write } from "./form.js";

const bar = form.querySelector("[data-marks]");
const INLINE = { bold: "**", italic: "*", code: "`" };
const LINE_PREFIX = { heading: "## ", quote: "> ", list: "- " };
const KEYS = { b: "bold", i: "italic", k: "link" };

function wrap(marker) {
  const { selectionStart: start, selectionEnd: end, value } = body;
  const inside = value.slice(start, end);
  if (marker === "`" && inside.includes("\n")) return write(`\`\`\`\n${inside}\n\`\`\``);
  const isMarked = value.slice(start - marker.length, start) === marker && value.slice(end, end + marker.length) === marker;
  if (isMarked) {
    write(inside, start - marker.length, end + marker.length);
    return body.setSelectionRange(start - marker.length, end - marker.length);
  }
  write(marker + inside + marker);
  body.setSelectionRange(start + marker.length, end + marker.length);
}

function prefixLines(marker) {
  const { selectionStart, selectionEnd, value } = body;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const next = value.indexOf("\n", selectionEnd);
  const end = next < 0 ? value.length : next;
  const lines = value.slice(start, end).split("\n");
  const isMarked = lines.every((line) => line.startsWith(marker));
  write(lines.map((line) => (isMarked ? line.slice(marker.length) : marker + line)).join("\n"), start, end);
}

function link() {
  const { selectionStart: start, selectionEnd: end, value } = body;
  const inside = value.slice(start, end);
  const isAddress = /^https?:\/\/\S+$/.test(inside);
  write(isAddress ? `[](${inside})` : `[${inside}](https://)`);
  if (isAddress) return body.setSelectionRange(start + 1, start + 1);
  body.setSelectionRange(start + inside.length + 3, start + inside.length + 11);
}

function apply(name) {
  body.focus({ preventScroll: true });
  if (name === "picture") return choose();
  if (name === "link") return link();
  return name in INLINE ? wrap(INLINE[name]) : prefixLines(LINE_PREFIX[name]);
}

/* The Tab key stops at the toolbar once; the arrow keys move inside it (ARIA toolbar pattern). */
function moveFocus(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const buttons = [...bar.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  const next = buttons[(at + step + buttons.length) % buttons.length];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
}

export function start() {
  bar.hidden = false;
  bar.addEventListener("keydown", moveFocus);
  bar.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-mark]");
    if (pressed) apply(pressed.dataset.mark);
  });
  body.addEventListener("keydown", (event) => {
    const name = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && KEYS[event.key.toLowerCase()];
    if (!name) return;
    event.preventDefault();
    apply(name);
  });
}
