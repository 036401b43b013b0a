// The picture of the front page follows what is chosen, before it is saved.

const form = document.querySelector("#look");
const frame = document.querySelector(".look-frame");
const address = frame.src;
let waiting;

function show() {
  const chosen = new URLSearchParams(new FormData(form));
  frame.contentWindow.location.replace(`${address}?${chosen}`); // leaves no trace in the history
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(show, 200);
});
