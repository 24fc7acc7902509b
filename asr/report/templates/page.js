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
// Words light up as they are said, and play the recording from there. Arrows move from word to word.
for (const spoken of document.querySelectorAll(".spoken")) {
  const audio = spoken.closest(".example").querySelector("audio");
  const words = [...spoken.querySelectorAll("button")];
  for (const word of words) word.disabled = !audio;
  if (!audio) continue;
  for (const word of words.slice(1)) word.tabIndex = -1;
  const light = () => {
    const now = audio.currentTime;
    for (const { dataset, classList } of words)
      classList.toggle("now", !audio.paused && +dataset.start <= now && now < +dataset.end);
    if (!audio.paused) requestAnimationFrame(light);
  };
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, light);
  spoken.addEventListener("click", ({ target }) => {
    const word = target.closest("button");
    if (!word) return;
    audio.currentTime = +word.dataset.start;
    audio.play();
  });
  spoken.addEventListener("keydown", (event) => {
    const ahead = getComputedStyle(spoken).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const at = words.indexOf(document.activeElement);
    if (at < 0 || !/^Arrow(Left|Right)$/.test(event.key)) return;
    const next = words[at + (event.key === ahead ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    words[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
