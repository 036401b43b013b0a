/* The form of the edit page: what is typed in it, and what was last saved of that. */

export const form = document.getElementById("sheet");
export const body = form.elements.body;
const TYPED = ["title", "body", "slug", "summary", "tags", "cover", "language"];

export function typed() {
  const values = Object.fromEntries(TYPED.map((name) => [name, form.elements[name].value]));
  values.is_listed = form.elements.is_listed.checked;
  values.authors = authors().filter((box) => box.checked).map((box) => box.value);
  return values;
}

export function fill(values) {
  for (const name of TYPED) form.elements[name].value = values[name];
  form.elements.is_listed.checked = values.is_listed;
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

/* Written where the caret stands, so that one step back takes it away again. */
export function write(text, start = body.selectionStart, end = body.selectionEnd) {
  if (document.activeElement !== body) body.focus({ preventScroll: true });
  body.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, text)) {
    body.setRangeText(text, start, end, "end");
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
