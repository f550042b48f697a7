// AdaGrad (Duchi, Hazan and Singer 2011): h <- h + g^2, p <- p - lr g / root. They differ in where eps is.
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

// root = sqrt(h) + eps. The book, torch.
template <class T>
struct AdaGrad {
  static constexpr const char *name = "adagrad", *states = "+h", *hyper = "lr eps";

  T lr, eps;

  AdaGrad(double /*t*/, const double* h) : lr(T(h[0])), eps(T(h[1])) {}

  void operator()(T& p, T g, T& h) const {
    h += g * g;
    p -= lr * g / (std::sqrt(h) + eps);
  }
};

// root = sqrt(h + eps). Keras, optax.
template <class T>
struct AdaGradInside {
  static constexpr const char *name = "adagrad_inside", *states = "+h", *hyper = "lr eps";

  T lr, eps;

  AdaGradInside(double /*t*/, const double* h) : lr(T(h[0])), eps(T(h[1])) {}

  void operator()(T& p, T g, T& h) const {
    h += g * g;
    p -= lr * g / std::sqrt(h + eps);
  }
};

}  // namespace FASTDL_LEVEL
