// A section's list by keys, while it has the focus; and one box that ticks every row.

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

// The row with the focus is meant where none is ticked.
function press(button) {
  const here = current();
  if (here >= 0 && !boxes.some((box) => box.checked)) boxes[here].checked = true;
  if (boxes.some((box) => box.checked)) form.requestSubmit(button);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const act = [...form.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
  if (event.key === "j") go(1);
  else if (event.key === "k") go(-1);
  else if (event.key === "x" && current() >= 0) boxes[current()].click();
  else if (act) press(act);
  else return;
  event.preventDefault();
}

function tellKeys(note) {
  const acts = [...form.querySelectorAll("[data-key]")];
  const told = acts.map((one) => `${one.dataset.key} ${one.textContent.trim()}`);
  note.textContent = [note.dataset.keys, told.join(" · ")].join(" ");
  note.hidden = false;
}

if (boxes.length) {
  form.querySelectorAll("[data-all]").forEach(tickAll);
  form.querySelectorAll("[data-keys]").forEach(tellKeys);
  form.querySelector("#list").addEventListener("keydown", key);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "checkbox") event.preventDefault();
  });
}
