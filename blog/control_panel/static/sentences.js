/* What the scripts say; the sentences stand in the page, in the language of the desk. */

const said = document.getElementById("sentences").dataset;
const language = document.documentElement.lang;

export function say(name, places = {}) {
  return said[name].replace(/\{(\w+)\}/g, (whole, place) => places[place] ?? whole);
}

export function clock(moment) {
  return new Date(moment).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function dayAndClock(moment) {
  return new Date(moment).toLocaleString(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
}

/* Spoken once by a screen reader, and seen nowhere. */
export function announce(sentence) {
  document.querySelector("[data-announce]").textContent = sentence;
}
