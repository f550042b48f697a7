// Nesterov's accelerated gradient (1983) as Sutskever et al. (2013) and Bengio et al. (2012) rewrite it, for parameters that
// already stand one velocity ahead. They differ as the two forms of momentum.
#pragma once

#include "../level.hpp"

namespace FASTDL_LEVEL {

// v <- momentum v - lr g, p <- p + momentum v - lr g. The book (Japanese edition of 2021), Keras, scikit-learn.
template <class T>
struct Nesterov {
  static constexpr const char *name = "nesterov", *states = "v", *hyper = "lr momentum";

  T lr, momentum;

  Nesterov(double /*t*/, const double* h) : lr(T(h[0])), momentum(T(h[1])) {}

  void operator()(T& p, T g, T& v) const {
    v = momentum * v - lr * g;
    p += momentum * v - lr * g;
  }
};

// v <- momentum v + g, p <- p - lr (g + momentum v). torch, optax.
template <class T>
struct NesterovOutside {
  static constexpr const char *name = "nesterov_outside", *states = "v", *hyper = "lr momentum";

  T lr, momentum;

  NesterovOutside(double /*t*/, const double* h) : lr(T(h[0])), momentum(T(h[1])) {}

  void operator()(T& p, T g, T& v) const {
    v = momentum * v + g;
    p -= lr * (g + momentum * v);
  }
};

}  // namespace FASTDL_LEVEL
