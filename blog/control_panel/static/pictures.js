/* Pictures by button, paste and drop: sent one after the other, written into the text. */

import { hold } from "./saving.js";
import { announce, say } from "./sentences.js";
import { body, form, write } from "./sheet.js";

const panel = form.querySelector("[data-pictures]");
const chooser = form.elements.picture;
const note = form.querySelector("[data-progress]");
const most = Number(form.dataset.maxUpload);
let queue = Promise.resolve();
let into = "text"; // what the next chosen file is for

/* Resolves when every picture that was dropped has come in or was refused. */
export const ready = () => queue;

export function choose(wanted = "text") {
  into = wanted;
  chooser.click();
}

function insert(files) {
  body.focus({ preventScroll: true });
  for (const file of files) {
    const place = `![${say("working", { name: plain(file.name) })}]()`;
    const release = hold();
    write(apart(place));
    queue = queue.then(() => send(file)).then((sent) => replace(place, sent?.markdown ?? "")).finally(release);
  }
}

/* A paragraph of its own, whatever stands around the caret. */
function apart(text) {
  const { selectionStart, selectionEnd, value } = body;
  const missing = (found) => "\n\n".slice(found.length);
  const before = selectionStart ? missing(value.slice(0, selectionStart).match(/\n{0,2}$/)[0]) : "";
  return before + text + missing(value.slice(selectionEnd).match(/^\n{0,2}/)[0]);
}

function plain(name) {
  return name.replace(/[[\]()\\]/g, " ");
}

/* The place is looked up again: its writer may have typed on meanwhile. */
function replace(place, text) {
  const at = body.value.indexOf(place);
  if (at < 0) return;
  const { selectionStart, selectionEnd } = body;
  const end = at + place.length;
  const move = (caret) => (caret >= end ? caret + text.length - (end - at) : Math.min(caret, at));
  write(text, at, end);
  if (document.activeElement === body) body.setSelectionRange(move(selectionStart), move(selectionEnd));
}

async function send(file) {
  const name = file.name;
  if (file.size > most) return refuse(say("tooLarge", { name }));
  try {
    const { status, told } = await request(file);
    if (status === 200) {
      finish(say(told.markdown.startsWith("![]") ? "describe" : "added", { name }));
      return told;
    }
    return refuse(told.faults?.picture ?? say(status === 413 ? "tooLarge" : "notAdded", { name }));
  } catch {
    return refuse(say("notAdded", { name }));
  }
}

/* XMLHttpRequest, since fetch cannot say how far an upload has come. */
function request(file) {
  const wire = new XMLHttpRequest();
  wire.open("POST", `${form.dataset.pictures}?name=${encodeURIComponent(file.name)}`);
  wire.setRequestHeader("accept", "application/json");
  wire.setRequestHeader("content-type", "application/octet-stream");
  wire.upload.onprogress = (event) => {
    const percent = Math.round((100 * event.loaded) / event.total);
    const sending = say("sending", { name: file.name, percent });
    note.textContent = percent < 100 ? sending : say("working", { name: file.name });
  };
  return new Promise((resolve, reject) => {
    wire.onload = () => resolve({ status: wire.status, told: parsed(wire.responseText) });
    wire.onerror = wire.onabort = reject;
    wire.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function refuse(sentence) {
  note.textContent = sentence;
  note.classList.add("is-bad");
  return null;
}

function finish(sentence) {
  note.textContent = sentence;
  note.classList.remove("is-bad");
}

const pictures = (list) => [...(list ?? [])].filter((file) => file.type.startsWith("image/"));

function dropped(event) {
  const files = [...(event.dataTransfer?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  body.classList.remove("is-dropping");
  const wanted = pictures(files);
  if (!wanted.length) return refuse(say("noPicture", { name: files[0].name }));
  insert(wanted);
}

export function cover(address) {
  form.elements.cover.value = address;
  form.elements.cover.dispatchEvent(new Event("input", { bubbles: true }));
}

/* Whoever has chosen a file wants it in: no second press, which nobody would look for. */
async function chosen() {
  const files = [...chooser.files];
  const wanted = into;
  chooser.value = "";
  into = "text";
  if (!files.length) return;
  if (wanted === "text") return insert(files);
  const release = hold();
  const sending = send(files[0]);
  queue = queue.then(() => sending);
  const sent = await sending;
  release();
  if (sent) cover(sent.address);
}

function showCover() {
  const image = form.querySelector("[data-cover-now]");
  const address = form.elements.cover.value.trim();
  image.hidden = !address;
  if (address && image.getAttribute("src") !== address) image.src = address;
  for (const one of form.querySelectorAll("[data-cover]")) {
    one.setAttribute("aria-pressed", String(one.dataset.cover === address));
  }
}

export function start() {
  body.addEventListener("paste", (event) => {
    const files = pictures(event.clipboardData?.files);
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
  body.addEventListener("drop", dropped);
  chooser.multiple = true;
  chooser.addEventListener("change", chosen);
  chooser.addEventListener("cancel", () => (into = "text"));
  for (const act of panel.querySelectorAll('[name="into"]')) {
    act.addEventListener("click", (event) => {
      event.preventDefault();
      choose(act.value);
    });
  }
  const shelf = panel.querySelector("[data-shelf]");
  if (shelf) shelf.hidden = false;
  shelf?.addEventListener("click", (event) => {
    const one = event.target.closest("[data-cover]");
    if (one) cover(one.dataset.cover);
  });
  form.addEventListener("input", showCover);
  showCover();
}
