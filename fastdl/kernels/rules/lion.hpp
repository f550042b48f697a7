// Lion (Chen et al. 2023, algorithm 2; its weight decay is the engine's):
//   c = beta1 m + (1 - beta1) g,  p <- p - lr sign(c),  m <- m + (1 - beta2)(g - m)
#pragma once

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Lion {
  static constexpr const char *name = "lion", *states = "m", *hyper = "lr beta1 beta2";

  T lr, share_of_g, new_m;

  Lion(double /*t*/, const double* h) : lr(T(h[0])), share_of_g(T(1 - h[1])), new_m(T(1 - h[2])) {}

  void operator()(T& p, T g, T& m) const {
    const T c = m + share_of_g * (g - m);
    const T sign = c > 0 ? T(1) : c < 0 ? T(-1) : c;  // 0 and NaN stay what they are
    p -= lr * sign;
    m += new_m * (g - m);
  }
};

}  // namespace FASTDL_LEVEL
