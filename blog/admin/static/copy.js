// A button that copies what stands in a field. Without this script the field can be marked by hand.

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = document.querySelector("[data-copied]");
  button.hidden = false;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Over plain http there is no clipboard API; the old way still works there.
      field.select();
      document.execCommand("copy");
    }
    said.textContent = button.dataset.done;
  });
}
