// The films: of each path the points up to a step. Without this script all of each path is seen.
"use strict";

(() => {
  const STEPS_A_SECOND = 25;
  const STILLS = 10; // in place of motion, one a second
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let playing = null; // the film that runs: one at a time

  for (const film of document.querySelectorAll(".film")) {
    const [button, slider, shown] = ["button", "input[type=range]", "output"].map((name) => film.querySelector(name));
    const last = Number(slider.max);
    const runners = [...film.querySelectorAll(".paths > g")].map((group) => ({
      group,
      line: group.querySelector("polyline"),
      ball: group.querySelector("circle"),
      points: group.querySelector("polyline").getAttribute("points").split(" "),
    }));

    function show(step) {
      slider.value = step;
      shown.textContent = `${step} / ${last}`;
      for (const { line, ball, points } of runners) {
        const seen = points.slice(0, step + 1);
        line.setAttribute("points", seen.join(" "));
        const [x, y] = seen.at(-1).split(",");
        ball.setAttribute("cx", x);
        ball.setAttribute("cy", y);
      }
    }

    function stop() {
      playing = null;
      button.textContent = button.dataset.play;
    }

    function play() {
      playing?.stop();
      const me = (playing = { stop });
      button.textContent = button.dataset.pause;
      const first = Number(slider.value) === last ? 0 : Number(slider.value);
      const began = performance.now();
      const frame = (now) => {
        if (playing !== me) return;
        const seconds = Math.max(0, now - began) / 1000;
        const gone = calm.matches ? (Math.floor(seconds) * last) / STILLS : seconds * STEPS_A_SECOND;
        const step = Math.min(first + Math.floor(gone), last);
        if (step !== Number(slider.value)) show(step);
        if (step < last) requestAnimationFrame(frame);
        else stop();
      };
      requestAnimationFrame(frame);
    }

    button.addEventListener("click", () => (button.textContent === button.dataset.pause ? stop() : play()));
    const names = [...film.querySelectorAll(".runners input")];
    names.forEach((box, i) =>
      box.addEventListener("change", () => {
        for (const { group } of runners.filter((_, j) => j % names.length === i)) {
          group.style.display = box.checked ? "" : "none";
        }
      }),
    );
    slider.addEventListener("input", () => {
      if (playing) playing.stop();
      show(Number(slider.value));
    });
  }
})();
