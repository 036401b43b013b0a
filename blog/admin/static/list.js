// Keyboard shortcuts for a list while it has the focus, and a checkbox that ticks every row.

const form = document.querySelector("[data-rows]");
const boxes = form ? [...form.querySelectorAll('[data-row] input[name="ids"]')] : [];

function tickAll(cell) {
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", cell.dataset.all);
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  form.addEventListener("change", () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  });
  cell.append(all);
}

function current() {
  const row = document.activeElement.closest("[data-row]");
  return row ? boxes.findIndex((box) => row.contains(box)) : -1;
}

function go(step) {
  const next = Math.max(0, Math.min(boxes.length - 1, current() + step));
  boxes[next].focus();
  boxes[next].scrollIntoView({ block: "nearest" });
}

// If no row is ticked, the action is about the row with the focus.
function press(button) {
  const here = current();
  if (here >= 0 && !boxes.some((box) => box.checked)) boxes[here].checked = true;
  if (boxes.some((box) => box.checked)) form.requestSubmit(button);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const button = [...form.querySelectorAll("[data-key]")].find((each) => each.dataset.key === event.key);
  if (event.key === "j") go(1);
  else if (event.key === "k") go(-1);
  else if (event.key === "x" && current() >= 0) boxes[current()].click();
  else if (button) press(button);
  else return;
  event.preventDefault();
}

function showKeys(note) {
  const buttons = [...form.querySelectorAll("[data-key]")];
  const keys = buttons.map((button) => `${button.dataset.key} ${button.textContent.trim()}`);
  note.textContent = [note.dataset.keys, keys.join(" · ")].join(" ");
  note.hidden = false;
}

if (boxes.length) {
  form.querySelectorAll("[data-all]").forEach(tickAll);
  form.querySelectorAll("[data-keys]").forEach(showKeys);
  form.querySelector("#list").addEventListener("keydown", key);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "checkbox") event.preventDefault();
  });
}
