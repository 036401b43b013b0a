/* The form of the edit page: what is typed in it, and what was last saved of that. */

export const form = document.getElementById("sheet");
export const body = form.elements.body;
const TYPED = ["title", "body", "slug", "summary", "tags", "cover", "language"];
const TICKED = ["is_listed", "takes_comments"];

/* As the server will keep it, so that a space too many is no change. */
export function typed() {
  const values = Object.fromEntries(TYPED.map((name) => [name, form.elements[name].value.trim()]));
  values.body = body.value;
  values.tags = values.tags.split(/[,，、]/).map((tag) => tag.trim()).filter(Boolean).join(", ");
  for (const name of TICKED) values[name] = form.elements[name].checked;
  values.authors = authors().filter((box) => box.checked).map((box) => box.value);
  return values;
}

export function fill(values) {
  for (const name of TYPED) form.elements[name].value = values[name];
  for (const name of TICKED) form.elements[name].checked = values[name] ?? form.elements[name].checked;
  for (const box of authors()) box.checked = values.authors.includes(box.value);
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function authors() {
  return [...form.querySelectorAll('[name="authors"]')];
}

/* What a save sends: the fields, and the version that they were typed upon. */
export function fields() {
  const all = new FormData(form);
  all.delete("picture");
  all.delete("publish_at");
  return new URLSearchParams(all);
}

/* Written as if typed, so that one step back takes it away again; without touching the caret
   where the hands are in another field. */
export function write(text, start = body.selectionStart, end = body.selectionEnd) {
  if (document.activeElement === body) {
    body.setSelectionRange(start, end);
    if (text ? document.execCommand("insertText", false, text) : document.execCommand("delete")) return;
  }
  body.setRangeText(text, start, end, "preserve");
  body.dispatchEvent(new Event("input", { bubbles: true }));
}
