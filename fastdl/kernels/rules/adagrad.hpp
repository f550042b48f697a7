// AdaGrad (Duchi, Hazan and Singer 2011), eps outside the root: h <- h + g^2, p <- p - lr g / (sqrt(h) + eps).
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct AdaGrad {
  static constexpr const char *name = "adagrad", *states = "h", *hyper = "lr eps";

  T lr, eps;

  AdaGrad(double /*t*/, const double* hyper) : lr(T(hyper[0])), eps(T(hyper[1])) {}

  void operator()(T& p, T g, T& h) const {
    h += g * g;
    p -= lr * g / (std::sqrt(h) + eps);
  }
};

}  // namespace FASTDL_LEVEL
