// Adam (Kingma and Ba 2015), in the form at the end of their section 2: both bias corrections go into the step's length,
// and eps ("epsilon hat") is added to the root of the uncorrected v.
//   m <- m + (1 - beta1)(g - m),  v <- v + (1 - beta2)(g^2 - v)
//   p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Adam {
  static constexpr const char *name = "adam", *states = "m v", *hyper = "lr beta1 beta2 eps";

  T step, new_m, new_v, eps;

  Adam(double t, const double* hyper)
      : step(T(hyper[0] * std::sqrt(1 - std::pow(hyper[2], t)) / (1 - std::pow(hyper[1], t)))),
        new_m(T(1 - hyper[1])),
        new_v(T(1 - hyper[2])),
        eps(T(hyper[3])) {}

  void operator()(T& p, T g, T& m, T& v) const {
    m += new_m * (g - m);
    v += new_v * (g * g - v);
    p -= step * m / (std::sqrt(v) + eps);
  }
};

}  // namespace FASTDL_LEVEL
