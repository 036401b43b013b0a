/* Uploads pictures that are chosen, pasted or dropped, one after the other, and inserts them. */

import { hold } from "./autosave.js";
import { message } from "./messages.js";
import { body, form, write } from "./form.js";

const panel = form.querySelector("[data-pictures]");
const chooser = form.elements.picture;
const progress = form.querySelector("[data-progress]");
const maxBytes = Number(form.dataset.maxUpload);
let queue = Promise.resolve();
let target = "text"; // what the next chosen file is for: "text" or "cover"

/* Resolves when every picture has been uploaded or refused. */
export const uploadsDone = () => queue;

export function choose(wanted = "text") {
  target = wanted;
  chooser.click();
}

function insert(files) {
  body.focus({ preventScroll: true });
  for (const file of files) {
    const placeholder = `![${message("working", { name: withoutBrackets(file.name) })}]()`;
    const release = hold();
    write(asParagraph(placeholder));
    queue = queue.then(() => send(file)).then((sent) => replace(placeholder, sent?.markdown ?? "")).finally(release);
  }
}

/* Adds the blank lines that make the text a paragraph of its own at the caret. */
function asParagraph(text) {
  const { selectionStart, selectionEnd, value } = body;
  const missing = (newlines) => "\n\n".slice(newlines.length);
  const before = selectionStart ? missing(value.slice(0, selectionStart).match(/\n{0,2}$/)[0]) : "";
  return before + text + missing(value.slice(selectionEnd).match(/^\n{0,2}/)[0]);
}

function withoutBrackets(name) {
  return name.replace(/[[\]()\\]/g, " ");
}

/* Replaces a placeholder, which is looked up again because the author may have typed on meanwhile. */
function replace(placeholder, text) {
  const at = body.value.indexOf(placeholder);
  if (at < 0) return;
  const { selectionStart, selectionEnd } = body;
  const end = at + placeholder.length;
  const move = (caret) => (caret >= end ? caret + text.length - (end - at) : Math.min(caret, at));
  write(text, at, end);
  if (document.activeElement === body) body.setSelectionRange(move(selectionStart), move(selectionEnd));
}

async function send(file) {
  const name = file.name;
  if (file.size > maxBytes) return refuse(message("tooLarge", { name }));
  try {
    const { status, result } = await request(file);
    if (status === 200) {
      finish(message(result.markdown.startsWith("![]") ? "describe" : "added", { name }));
      return result;
    }
    return refuse(result.faults?.picture ?? message(status === 413 ? "tooLarge" : "notAdded", { name }));
  } catch {
    return refuse(message("notAdded", { name }));
  }
}

/* Uses XMLHttpRequest, because fetch does not report the progress of an upload. */
function request(file) {
  const upload = new XMLHttpRequest();
  upload.open("POST", `${form.dataset.pictures}?name=${encodeURIComponent(file.name)}`);
  upload.setRequestHeader("accept", "application/json");
  upload.setRequestHeader("content-type", "application/octet-stream");
  upload.upload.onprogress = (event) => {
    const percent = Math.round((100 * event.loaded) / event.total);
    const sending = message("sending", { name: file.name, percent });
    progress.textContent = percent < 100 ? sending : message("working", { name: file.name });
  };
  return new Promise((resolve, reject) => {
    upload.onload = () => resolve({ status: upload.status, result: parseJson(upload.responseText) });
    upload.onerror = upload.onabort = reject;
    upload.send(file);
  });
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function refuse(sentence) {
  progress.textContent = sentence;
  progress.classList.add("is-bad");
  return null;
}

function finish(sentence) {
  progress.textContent = sentence;
  progress.classList.remove("is-bad");
}

const imagesIn = (list) => [...(list ?? [])].filter((file) => file.type.startsWith("image/"));

function onDrop(event) {
  const files = [...(event.dataTransfer?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  body.classList.remove("is-dropping");
  const wanted = imagesIn(files);
  if (!wanted.length) return refuse(message("noPicture", { name: files[0].name }));
  insert(wanted);
}

function setCover(address) {
  form.elements.cover.value = address;
  form.elements.cover.dispatchEvent(new Event("input", { bubbles: true }));
}

/* Uploads chosen files at once, without a second button press. */
async function onChoose() {
  const files = [...chooser.files];
  const wanted = target;
  chooser.value = "";
  target = "text";
  if (!files.length) return;
  if (wanted === "text") return insert(files);
  const release = hold();
  const sending = send(files[0]);
  queue = queue.then(() => sending);
  const sent = await sending;
  release();
  if (sent) setCover(sent.address);
}

function showCover() {
  const image = form.querySelector("[data-cover-now]");
  const address = form.elements.cover.value.trim();
  image.hidden = !address;
  if (address && image.getAttribute("src") !== address) image.src = address;
  for (const button of form.querySelectorAll("[data-cover]")) {
    button.setAttribute("aria-pressed", String(button.dataset.cover === address));
  }
}

export function start() {
  body.addEventListener("paste", (event) => {
    const files = imagesIn(event.clipboardData?.files);
    if (!files.length) return;
    event.preventDefault();
    insert(files);
  });
  body.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    body.classList.add("is-dropping");
  });
  body.addEventListener("dragleave", () => body.classList.remove("is-dropping"));
  body.addEventListener("drop", onDrop);
  chooser.multiple = true;
  chooser.addEventListener("change", onChoose);
  chooser.addEventListener("cancel", () => (target = "text"));
  for (const button of panel.querySelectorAll('[name="into"]')) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      choose(button.value);
    });
  }
  const latest = panel.querySelector("[data-shelf]");
  if (latest) latest.hidden = false;
  latest?.addEventListener("click", (event) => {
    const picture = event.target.closest("[data-cover]");
    if (picture) setCover(picture.dataset.cover);
  });
  form.addEventListener("input", showCover);
  showCover();
}
