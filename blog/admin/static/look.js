// Updates the preview of the front page while the form is edited, before it is saved.

const form = document.querySelector("#look");
const frame = document.querySelector(".look-frame");
const address = frame.src;
let timer;

function show() {
  const chosen = new URLSearchParams(new FormData(form));
  frame.contentWindow.location.replace(`${address}?${chosen}`); // adds no entry to the browser history
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(show, 200);
});
