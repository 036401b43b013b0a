/* Messages of the scripts. Their translations are in the page, in _sentences.html. */

const messages = document.getElementById("sentences").dataset;
const language = document.documentElement.lang;

export function message(name, values = {}) {
  return messages[name].replace(/\{(\w+)\}/g, (placeholder, key) => values[key] ?? placeholder);
}

export function clock(moment) {
  return new Date(moment).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function dayAndClock(moment) {
  return new Date(moment).toLocaleString(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
}

/* Makes a screen reader say a message that is not visible. */
export function announce(sentence) {
  document.querySelector("[data-announce]").textContent = sentence;
}
