// The race: settings, their paths, the drawing of them and the clock. What is drawn is in the element race-data.
"use strict";

(() => {
  const root = document.getElementById("race");
  const { surfaces, optimizers, words } = JSON.parse(document.getElementById("race-data").textContent);
  const find = (name) => root.querySelector(`[data-race="${name}"]`);
  const [surfaceChoice, optimizerChoice, lr, memory, clock, play] = [
    "surface", "optimizer", "lr", "memory", "step", "play",
  ].map(find);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const STEPS_A_SECOND = 12;
  let settings, paths, time, running = null;

  const surface = () => surfaces[surfaceChoice.value];
  const fresh = () => structuredClone(surface().settings);
  const short = (number) => (Number.isFinite(number) ? Number(number.toPrecision(3)).toString() : "∞");

  function compute() {
    const { start, steps } = surface();
    paths = Object.fromEntries(
      optimizers.map((name) => [name, descend(surfaceChoice.value, name, settings[name], start, steps)]),
    );
  }

  // A point on the plot; far outside it numbers are cut, which no one sees.
  function place([x, y]) {
    const { limits: [[left, right], [bottom, top]], size: [width, height] } = surface();
    const cut = (number) => Math.max(-1e4, Math.min(1e4, Number.isFinite(number) ? number : 1e4));
    return [cut(((x - left) / (right - left)) * width), cut(((top - y) / (top - bottom)) * height)];
  }

  function inside([x, y]) {
    const { limits: [[left, right], [bottom, top]] } = surface();
    return x >= left && x <= right && y >= bottom && y <= top;
  }

  function draw() {
    const whole = Math.floor(time);
    for (const name of optimizers) {
      const path = paths[name];
      const points = path.slice(0, whole + 1).map(place);
      if (whole < path.length - 1) {
        const [a, b] = [points[whole], place(path[whole + 1])];
        points.push(a.map((from, i) => from + (time - whole) * (b[i] - from)));
      }
      const row = find(`row-${name}`);
      const group = find(`path-${name}`);
      group.style.display = row.querySelector("input").checked ? "" : "none";
      group.querySelector("polyline").setAttribute("points", points.map((p) => p.map((n) => n.toFixed(1))).join(" "));
      const [cx, cy] = points.at(-1);
      const ball = group.querySelector("circle");
      ball.setAttribute("cx", cx.toFixed(1));
      ball.setAttribute("cy", cy.toFixed(1));
      const now = path[whole];
      const value = short(SURFACES[surfaceChoice.value].height(...now));
      row.querySelector(".value").textContent = inside(now) ? value : words.away;
      row.querySelector(".rate").textContent = short(settings[name].lr);
    }
    clock.value = whole;
    find("step-shown").textContent = `${whole} / ${surface().steps}`;
  }

  function showSettings() {
    const name = optimizerChoice.value;
    const chosen = settings[name];
    lr.value = Math.log10(chosen.lr);
    find("lr-shown").textContent = short(chosen.lr);
    find("memory-field").hidden = !("memory" in chosen);
    if ("memory" in chosen) {
      memory.value = chosen.memory;
      find("memory-shown").textContent = chosen.memory;
      find("memory-label").textContent = words[`memory_${name}`];
    }
    for (const each of optimizers) find(`row-${each}`).classList.toggle("chosen", each === name);
    root.style.setProperty("--chosen", `var(--optimizer-${name})`);
  }

  function showSurface() {
    const { contours, start, minimum, steps } = surface();
    find("contours").setAttribute("d", contours);
    const mark = (name, point) => {
      find(name).style.display = point ? "" : "none";
      if (point) find(name).setAttribute("transform", `translate(${place(point).join(" ")})`);
    };
    mark("start", start);
    mark("minimum", minimum);
    clock.max = steps;
    settings = fresh();
    restart();
  }

  // All paths again, shown to their ends.
  function restart() {
    stop();
    compute();
    time = surface().steps;
    showSettings();
    draw();
  }

  function stop() {
    cancelAnimationFrame(running);
    running = null;
    play.textContent = words.play;
  }

  function run() {
    if (time >= surface().steps) time = 0;
    play.textContent = words.pause;
    const began = performance.now() - (time / STEPS_A_SECOND) * 1000;
    const frame = (now) => {
      const passed = (Math.max(0, now - began) / 1000) * STEPS_A_SECOND;
      time = Math.min(calm.matches ? Math.floor(passed) : passed, surface().steps);
      draw();
      if (time < surface().steps) running = requestAnimationFrame(frame);
      else stop();
    };
    running = requestAnimationFrame(frame);
  }

  surfaceChoice.addEventListener("change", showSurface);
  optimizerChoice.addEventListener("change", showSettings);
  lr.addEventListener("input", () => {
    settings[optimizerChoice.value].lr = Number((10 ** Number(lr.value)).toPrecision(3));
    restart();
  });
  memory.addEventListener("input", () => {
    settings[optimizerChoice.value].memory = Number(memory.value);
    restart();
  });
  clock.addEventListener("input", () => {
    stop();
    time = Number(clock.value);
    draw();
  });
  play.addEventListener("click", () => (running === null ? run() : stop()));
  find("reset").addEventListener("click", showSurface);
  for (const name of optimizers) find(`row-${name}`).querySelector("input").addEventListener("change", draw);
  root.classList.add("ready");
  showSurface();
})();
