/* Notices above the text, with buttons. There is at most one notice of each kind. */

export function notice(kind, sentence, ...buttons) {
  dismiss(kind);
  const box = document.createElement("div");
  box.className = kind === "kept" ? "notice is-warn" : "notice is-bad";
  box.dataset.kind = kind;
  box.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = sentence;
  const row = document.createElement("p");
  row.className = "row";
  row.append(...buttons);
  box.append(line, ...(buttons.length ? [row] : []));
  document.querySelector("[data-notices]").append(box);
}

export function dismiss(kind) {
  document.querySelector(`[data-notices] [data-kind="${kind}"]`)?.remove();
}

export function button(label, onClick) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "button is-small";
  element.textContent = label;
  element.addEventListener("click", onClick);
  return element;
}

export function link(label, address) {
  const element = document.createElement("a");
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener";
  element.textContent = label;
  return element;
}
