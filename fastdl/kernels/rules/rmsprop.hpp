// RMSprop (Tieleman and Hinton 2012, lecture 6e): v <- v + (1 - rho)(g^2 - v), p <- p - lr g / root.
// Centered (Graves 2013, equations 38 to 45): a <- a + (1 - rho)(g - a), and v - a^2 in the place of v.
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

// root = sqrt(v) + eps; with momentum: u <- momentum u + g / root, p <- p - lr u. The book, torch.
template <class T>
struct RMSpropOutside {
  T lr, eps, momentum;

  T root(T v) const { return std::sqrt(v) + eps; }
  void step(T& p, T g, T root) const { p -= lr * g / root; }
  void step(T& p, T g, T root, T& u) const {
    u = momentum * u + g / root;
    p -= lr * u;
  }
};

// root = sqrt(v + eps); with momentum: u <- momentum u + lr g / root, p <- p - u. Keras, optax.
template <class T>
struct RMSpropInside {
  T lr, eps, momentum;

  T root(T v) const { return std::sqrt(v + eps); }
  void step(T& p, T g, T root) const { p -= lr * g / root; }
  void step(T& p, T g, T root, T& u) const {
    u = momentum * u + lr * g / root;
    p -= u;
  }
};

template <class T, class Form>
struct RMSpropPlain {
  static constexpr const char *states = "+v", *hyper = "lr rho eps";

  T new_v;
  Form form;

  RMSpropPlain(double /*t*/, const double* h) : new_v(T(1 - h[1])), form{T(h[0]), T(h[2]), T(0)} {}

  void operator()(T& p, T g, T& v) const {
    v += new_v * (g * g - v);
    form.step(p, g, form.root(v));
  }
};

template <class T, class Form>
struct RMSpropMomentum {
  static constexpr const char *states = "+v u", *hyper = "lr rho eps momentum";

  T new_v;
  Form form;

  RMSpropMomentum(double /*t*/, const double* h) : new_v(T(1 - h[1])), form{T(h[0]), T(h[2]), T(h[3])} {}

  void operator()(T& p, T g, T& v, T& u) const {
    v += new_v * (g * g - v);
    form.step(p, g, form.root(v), u);
  }
};

// A variance that rounding has made negative counts as 0.
template <class T>
inline T variance(T v, T a) {
  const T difference = v - a * a;
  return difference < 0 ? T(0) : difference;
}

template <class T, class Form>
struct RMSpropCentered {
  static constexpr const char *states = "+v a", *hyper = "lr rho eps";

  T new_v;
  Form form;

  RMSpropCentered(double /*t*/, const double* h) : new_v(T(1 - h[1])), form{T(h[0]), T(h[2]), T(0)} {}

  void operator()(T& p, T g, T& v, T& a) const {
    v += new_v * (g * g - v);
    a += new_v * (g - a);
    form.step(p, g, form.root(variance(v, a)));
  }
};

template <class T, class Form>
struct RMSpropCenteredMomentum {
  static constexpr const char *states = "+v a u", *hyper = "lr rho eps momentum";

  T new_v;
  Form form;

  RMSpropCenteredMomentum(double /*t*/, const double* h) : new_v(T(1 - h[1])), form{T(h[0]), T(h[2]), T(h[3])} {}

  void operator()(T& p, T g, T& v, T& a, T& u) const {
    v += new_v * (g * g - v);
    a += new_v * (g - a);
    form.step(p, g, form.root(variance(v, a)), u);
  }
};

}  // namespace FASTDL_LEVEL
