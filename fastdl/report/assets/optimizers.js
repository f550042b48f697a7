// The surfaces of fastdl.experiments.surfaces and the book's update rules of fastdl.optim, on two numbers.
"use strict";

const SURFACES = {
  valley: {
    height: (x, y) => (x * x) / 20 + y * y,
    gradient: (x, y) => [x / 10, 2 * y],
  },
  long: {
    height: (x, y) => (x * x) / 200 + 2 * y * y,
    gradient: (x, y) => [x / 100, 4 * y],
  },
  saddle: {
    height: (x, y) => x ** 2 - y ** 2 / 20 + y ** 4 / 160,
    gradient: (x, y) => [2 * x, -y / 10 + y ** 3 / 40],
  },
  beale: {
    height: (x, y) => (1.5 - x + x * y) ** 2 + (2.25 - x + x * y ** 2) ** 2 + (2.625 - x + x * y ** 3) ** 2,
    gradient(x, y) {
      const [a, b, c] = [1.5 - x + x * y, 2.25 - x + x * y ** 2, 2.625 - x + x * y ** 3];
      return [2 * (a * (y - 1) + b * (y ** 2 - 1) + c * (y ** 3 - 1)), 2 * x * (a + 2 * b * y + 3 * c * y ** 2)];
    },
  },
};
// The long valley turned by 30 degrees.
const [COSINE, SINE] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
SURFACES.turned = {
  height: (x, y) => SURFACES.long.height(COSINE * x + SINE * y, COSINE * y - SINE * x),
  gradient(x, y) {
    const [dx, dy] = SURFACES.long.gradient(COSINE * x + SINE * y, COSINE * y - SINE * x);
    return [COSINE * dx - SINE * dy, SINE * dx + COSINE * dy];
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
