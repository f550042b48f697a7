// Adadelta (Zeiler 2012, algorithm 1), eps inside both roots, with a learning rate:
//   v <- v + (1 - rho)(g^2 - v),  d = sqrt(u + eps) / sqrt(v + eps) g,  u <- u + (1 - rho)(d^2 - u),  p <- p - lr d
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Adadelta {
  static constexpr const char *name = "adadelta", *states = "+v +u", *hyper = "lr rho eps";

  T lr, update, eps;

  Adadelta(double /*t*/, const double* h) : lr(T(h[0])), update(T(1 - h[1])), eps(T(h[2])) {}

  void operator()(T& p, T g, T& v, T& u) const {
    v += update * (g * g - v);
    const T ratio = (u + eps) / (v + eps);  // d = sqrt(ratio) g
    u += update * (ratio * g * g - u);
    p -= lr * (std::sqrt(ratio) * g);
  }
};

}  // namespace FASTDL_LEVEL
