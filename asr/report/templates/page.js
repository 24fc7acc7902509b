"use strict";
// One voice at a time.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) if (audio !== event.target) audio.pause();
}, true);
const filter = document.getElementById("filter");
if (filter) {
  filter.hidden = false;
  filter.addEventListener("click", ({ target }) => {
    const pressed = target.closest("button");
    if (!pressed) return;
    const corpus = pressed.dataset.corpus;
    for (const button of filter.children) button.setAttribute("aria-pressed", button === pressed);
    for (const example of document.querySelectorAll("#worst .example"))
      example.hidden = corpus !== "" && example.dataset.corpus !== corpus;
  });
}
