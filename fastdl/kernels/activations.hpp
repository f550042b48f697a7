// Activations: y = f(x), and dx = dout f'(x), which each of these can tell from y alone.
#pragma once

#include <algorithm>

#include "math.hpp"
#include "team.hpp"

namespace FASTDL_LEVEL {

struct Identity {
  template <class T> static T forward(T x) { return x; }
  template <class T> static T backward(T dout, T) { return dout; }
};

// Glorot, Bordes and Bengio 2011. A NaN stays one; the derivative at 0 is taken as 0.
struct ReLU {
  template <class T> static T forward(T x) { return x < 0 ? T(0) : x; }
  template <class T> static T backward(T dout, T y) { return y > 0 ? dout : T(0); }
};

struct Sigmoid {
  template <class T> static T forward(T x) { return sigmoid(x); }
  template <class T> static T backward(T dout, T y) { return dout * (y * (1 - y)); }
};

struct Tanh {
  template <class T> static T forward(T x) { return tanh(x); }
  template <class T> static T backward(T dout, T y) { return dout * (1 - y * y); }
};

// Calls work(f) with the activation of that number, the order of ACTIVATIONS in __init__.py.
template <class Work>
void with_activation(int activation, Work work) {
  switch (activation) {
    case 0: return work(Identity{});
    case 1: return work(ReLU{});
    case 2: return work(Sigmoid{});
    default: return work(Tanh{});
  }
}

template <class F, class T>
void activate(const T* x, T* y, index count) {
  for (index i = 0; i < count; ++i) y[i] = F::forward(x[i]);
}

template <class F, class T>
void backpropagate(const T* dout, const T* y, T* dx, index count) {
  for (index i = 0; i < count; ++i) dx[i] = F::backward(dout[i], y[i]);
}

constexpr index activation_tile = 2048;  // elements

// Calls work(offset, count) for this member's tiles of an array of so many elements.
template <class Work>
void share_elements(const Team& team, index size, Work work) {
  team.share(ceil_div(size, activation_tile), [&](index tile) {
    const index offset = tile * activation_tile;
    work(offset, std::min(size - offset, activation_tile));
  });
}

constexpr index parallel_activated = 1 << 15;  // elements

template <class T>
void activation_forward(int threads, index size, const T* x, int activation, T* y) {
  with_activation(activation, [&](auto f) {
    run(size < parallel_activated ? 1 : threads, [&](const Team& team) {
      share_elements(team, size, [&](index offset, index count) {
        activate<decltype(f)>(x + offset, y + offset, count);
      });
    });
  });
}

template <class T>
void activation_backward(int threads, index size, const T* dout, const T* y, int activation, T* dx) {
  with_activation(activation, [&](auto f) {
    run(size < parallel_activated ? 1 : threads, [&](const Team& team) {
      share_elements(team, size, [&](index offset, index count) {
        backpropagate<decltype(f)>(dout + offset, y + offset, dx + offset, count);
      });
    });
  });
}

}  // namespace FASTDL_LEVEL
