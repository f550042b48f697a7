// LAMB (You et al. 2020, algorithm 2): Adam's direction, scaled for each tensor as a whole by its trust ratio:
//   u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay p,  p <- p - lr |p| / |u| u
// The ratio is 1 where one of the norms is 0. m's correction is in its divisor, so that it costs no rounding of its own.
#pragma once

#include <cmath>

#include "adam.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct LAMB : Moments<T> {
  static constexpr const char *name = "lamb", *hyper = "lr beta1 beta2 eps weight_decay";

  double lr;
  T scale, eps, decay, step;

  LAMB(double t, const double* h) : Moments<T>(h), lr(h[0]), decay(T(h[4])), step(T(h[0])) {
    const Correction corrections(t, h[1], h[2]);
    scale = T(corrections.m / std::sqrt(corrections.v));
    eps = T(corrections.m * h[3]);
  }

  // The moments' step, which comes before the parameter's. Returns u, for its norm.
  T measure(T p, T g, T& m, T& v) const {
    this->update(g, m, v);
    return direction(p, m, v);
  }

  void trust(double squares_p, double squares_u) {
    if (squares_p > 0 && squares_u > 0) step = T(lr * std::sqrt(squares_p / squares_u));
  }

  void operator()(T& p, T /*g*/, T& m, T& v) const { p -= step * direction(p, m, v); }

 private:
  T direction(T p, T m, T v) const { return m / (scale * std::sqrt(v) + eps) + decay * p; }
};

}  // namespace FASTDL_LEVEL
