// Momentum (Polyak 1964). They differ in what the velocity holds, which shows once lr changes.
#pragma once

#include "../level.hpp"

namespace FASTDL_LEVEL {

// The learning rate inside the velocity: v <- momentum v - lr g, p <- p + v. The book, Keras.
template <class T>
struct Momentum {
  static constexpr const char *name = "momentum", *states = "v", *hyper = "lr momentum";

  T lr, momentum;

  Momentum(double /*t*/, const double* h) : lr(T(h[0])), momentum(T(h[1])) {}

  void operator()(T& p, T g, T& v) const {
    v = momentum * v - lr * g;
    p += v;
  }
};

// And outside: v <- momentum v + g, p <- p - lr v. torch, optax.
template <class T>
struct MomentumOutside {
  static constexpr const char *name = "momentum_outside", *states = "v", *hyper = "lr momentum";

  T lr, momentum;

  MomentumOutside(double /*t*/, const double* h) : lr(T(h[0])), momentum(T(h[1])) {}

  void operator()(T& p, T g, T& v) const {
    v = momentum * v + g;
    p -= lr * v;
  }
};

}  // namespace FASTDL_LEVEL
