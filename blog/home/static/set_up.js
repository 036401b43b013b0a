// Fills in the time zone of the browser on the setup page, if the list has it.

const field = document.querySelector("[data-guess]");
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isListed = field && [...field.list.options].some((option) => option.value === browserZone);
if (isListed) field.value = browserZone;
