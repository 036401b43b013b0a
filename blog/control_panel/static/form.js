/* The form of the edit page: reading its values, filling them in, and typing into its text. */

export const form = document.getElementById("sheet");
export const body = form.elements.body;
const contentFields = form.dataset.content.split(" ").map((name) => form.elements[name]);

/* Returns the values as the server will store them, so that extra spaces are no change. */
export function typed() {
  const values = Object.fromEntries(contentFields.map((field) => [field.name, valueOf(field)]));
  values.authors = authors().filter((box) => box.checked).map((box) => box.value);
  return values;
}

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field === body) return field.value;
  if (field.name === "tags") return field.value.split(/[,，、]/).map((tag) => tag.trim()).filter(Boolean).join(", ");
  return field.value.trim();
}

/* Fills in values; a field that has none keeps its own, because the values may have been kept by an
   earlier version of the form. */
export function fill(values) {
  for (const field of contentFields) {
    if (!(field.name in values)) continue;
    field[field.type === "checkbox" ? "checked" : "value"] = values[field.name];
  }
  for (const box of authors()) box.checked = values.authors.includes(box.value);
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

export function same(values, others) {
  return JSON.stringify(values) === JSON.stringify(others);
}

function authors() {
  return [...form.querySelectorAll('[name="authors"]')];
}

/* Returns what a save sends: the fields, with the version of the post that they are based on. */
export function fields() {
  const data = new FormData(form);
  data.delete("picture");
  data.delete("publish_at");
  return new URLSearchParams(data);
}

/* Inserts text as if it had been typed, so that undo removes it. Does not move the focus or the caret
   when the author is in another field. */
export function write(text, start = body.selectionStart, end = body.selectionEnd) {
  if (document.activeElement === body) {
    body.setSelectionRange(start, end);
    if (text ? document.execCommand("insertText", false, text) : document.execCommand("delete")) return;
  }
  body.setRangeText(text, start, end, "preserve");
  body.dispatchEvent(new Event("input", { bubbles: true }));
}
