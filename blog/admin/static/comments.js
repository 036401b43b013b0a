// The queue by keys, beside those of every list: u takes the last act back, ? tells all keys.

const undo = document.querySelector('form[action$="/undo"]');
const told = document.querySelector("[data-keys-told]");
const open = document.querySelector("[data-keys-open]");

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "?") told.showModal();
  else if (event.key === "u" && undo) undo.requestSubmit();
  else return;
  event.preventDefault();
}

const list = document.querySelector("#list");
if (list) {
  // Whoever opens the queue may begin at once; a link to another place on the page comes first.
  if (!location.hash && document.activeElement === document.body) list.focus({ preventScroll: true });
  told.addEventListener("close", () => list.focus({ preventScroll: true }));
  list.addEventListener("keydown", key);
  open.hidden = false;
  open.addEventListener("click", () => told.showModal());
}
