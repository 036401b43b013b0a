// More keyboard shortcuts for the moderation queue: u undoes the last action, ? lists all shortcuts.

const undo = document.querySelector('form[action$="/undo"]');
const dialog = document.querySelector("[data-keys-told]");
const open = document.querySelector("[data-keys-open]");

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "?") dialog.showModal();
  else if (event.key === "u" && undo) undo.requestSubmit();
  else return;
  event.preventDefault();
}

const list = document.querySelector("#list");
if (list) {
  // Focus the list, so that its shortcuts work at once, unless the address has a fragment.
  if (!location.hash && document.activeElement === document.body) list.focus({ preventScroll: true });
  dialog.addEventListener("close", () => list.focus({ preventScroll: true }));
  list.addEventListener("keydown", key);
  open.hidden = false;
  open.addEventListener("click", () => dialog.showModal());
}
