// Stochastic gradient descent (Robbins and Monro 1951): p <- p - lr g.
#pragma once

#include "../level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct SGD {
  static constexpr const char *name = "sgd", *states = "", *hyper = "lr";

  T lr;

  SGD(double /*t*/, const double* h) : lr(T(h[0])) {}

  void operator()(T& p, T g) const { p -= lr * g; }
};

}  // namespace FASTDL_LEVEL
