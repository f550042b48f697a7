// FTRL-proximal (McMahan et al. 2013, algorithm 1, with learning rates as 1 / sqrt(n)):
//   z <- z + g + 2 shrinkage p - (sqrt(n + g^2) - sqrt(n)) / lr p,  n <- n + g^2
//   p <- 0 where |z| <= l1, elsewhere (sign(z) l1 - z) / ((beta + sqrt(n)) / lr + 2 l2)
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Ftrl {
  static constexpr const char *name = "ftrl", *states = "+n z", *hyper = "lr l1 l2 l2_shrinkage beta";

  T inverse_lr, l1, twice_shrinkage, added;

  Ftrl(double /*t*/, const double* h)
      : inverse_lr(T(1 / h[0])), l1(T(h[1])), twice_shrinkage(T(2 * h[3])), added(T(h[4] / h[0] + 2 * h[2])) {}

  void operator()(T& p, T g, T& n, T& z) const {
    const T root = std::sqrt(n);
    n += g * g;
    const T new_root = std::sqrt(n);
    z += (g + twice_shrinkage * p) - (new_root - root) * inverse_lr * p;
    const T clipped = z > l1 ? l1 : z < -l1 ? -l1 : z;
    p = (clipped - z) / (new_root * inverse_lr + added);
  }
};

}  // namespace FASTDL_LEVEL
