// Momentum (Polyak 1964), the learning rate inside the velocity: v <- momentum v - lr g, p <- p + v.
#pragma once

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Momentum {
  static constexpr const char *name = "momentum", *states = "v", *hyper = "lr momentum";

  T lr, momentum;

  Momentum(double /*t*/, const double* hyper) : lr(T(hyper[0])), momentum(T(hyper[1])) {}

  void operator()(T& p, T g, T& v) const {
    v = momentum * v - lr * g;
    p += v;
  }
};

}  // namespace FASTDL_LEVEL
