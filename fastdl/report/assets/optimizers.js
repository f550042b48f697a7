// The surfaces of fastdl.experiments.surfaces and the book's update rules of fastdl.optim, on two numbers.
"use strict";

const SURFACES = {
  valley: {
    height: (x, y) => (x * x) / 20 + y * y,
    gradient: (x, y) => [x / 10, 2 * y],
  },
};

// Each takes a number p, its gradient g, its state s, which starts empty, and the settings; it returns the next p.
const RULES = {
  sgd: (p, g, s, { lr }) => p - lr * g,
  momentum(p, g, s, { lr, memory }) {
    s.v = memory * (s.v ?? 0) - lr * g;
    return p + s.v;
  },
  nesterov(p, g, s, { lr, memory }) {
    s.v = memory * (s.v ?? 0) - lr * g;
    return p + memory * s.v - lr * g;
  },
  adagrad(p, g, s, { lr }) {
    s.h = (s.h ?? 0) + g * g;
    return p - (lr * g) / (Math.sqrt(s.h) + 1e-7);
  },
  rmsprop(p, g, s, { lr, memory }) {
    s.v ??= 0;
    s.v += (1 - memory) * (g * g - s.v);
    return p - (lr * g) / (Math.sqrt(s.v) + 1e-7);
  },
  adam(p, g, s, { lr, memory }) {
    s.t = (s.t ?? 0) + 1;
    s.m ??= 0;
    s.v ??= 0;
    s.m += (1 - memory) * (g - s.m);
    s.v += (1 - 0.999) * (g * g - s.v);
    const rate = (lr * Math.sqrt(1 - 0.999 ** s.t)) / (1 - memory ** s.t);
    return p - (rate * s.m) / (Math.sqrt(s.v) + 1e-7);
  },
};

// The points of an optimizer's path, the start first.
function descend(surface, rule, settings, start, steps) {
  const path = [[...start]];
  const states = [{}, {}];
  for (let step = 0; step < steps; step++) {
    const point = path[step];
    const gradient = SURFACES[surface].gradient(...point);
    path.push(point.map((p, i) => RULES[rule](p, gradient[i], states[i], settings)));
  }
  return path;
}
