// The queue by keys, beside those of every list: u takes the last act back.

const undo = document.querySelector('form[action$="/undo"]');

if (undo) {
  document.querySelectorAll("[data-undo-key]").forEach((note) => { note.hidden = false; });
  document.querySelector("#list")?.addEventListener("keydown", (event) => {
    if (event.key !== "u" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    event.preventDefault();
    undo.requestSubmit();
  });
}
