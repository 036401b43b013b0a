// A button that copies the value of a field. Without JavaScript the button is hidden.

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const status = document.querySelector("[data-copied]");
  button.hidden = false;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // The clipboard API needs HTTPS; execCommand works without it.
      field.select();
      document.execCommand("copy");
    }
    status.textContent = button.dataset.done;
  });
}
