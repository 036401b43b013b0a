/* A boxed remark above the text, with buttons. One of a kind at a time. */

export function notice(kind, sentence, ...acts) {
  dismiss(kind);
  const box = document.createElement("div");
  box.className = kind === "kept" ? "notice is-warn" : "notice is-bad";
  box.dataset.kind = kind;
  box.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = sentence;
  const row = document.createElement("p");
  row.className = "row";
  row.append(...acts);
  box.append(line, ...(acts.length ? [row] : []));
  document.querySelector("[data-notices]").append(box);
}

export function dismiss(kind) {
  document.querySelector(`[data-notices] [data-kind="${kind}"]`)?.remove();
}

export function button(label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button is-small";
  made.textContent = label;
  made.addEventListener("click", act);
  return made;
}

export function link(label, address) {
  const made = document.createElement("a");
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener";
  made.textContent = label;
  return made;
}
