// Adamax (Kingma and Ba 2015, algorithm 2): Adam with the largest recent |g| in the place of the root:
//   m <- m + (1 - beta1)(g - m),  u <- max(beta2 u, |g|),  p <- p - lr / (1 - beta1^t) m / u
// The paper has no eps, and so nothing to divide by before the first gradient that is not 0. They differ in its place.
#pragma once

#include <cmath>

#include "adam.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct AdamaxMoments {
  static constexpr const char *states = "m +u", *hyper = "lr beta1 beta2 eps";

  T step, new_m, beta2, eps;

  AdamaxMoments(double t, const double* h)
      : step(T(h[0] / correction(t, h[1]))), new_m(T(1 - h[1])), beta2(T(h[2])), eps(T(h[3])) {}

  static T largest(T decayed, T size) { return size > decayed || size != size ? size : decayed; }
};

// m / (u + eps). Keras.
template <class T>
struct Adamax : AdamaxMoments<T> {
  static constexpr const char* name = "adamax";
  using AdamaxMoments<T>::AdamaxMoments;

  void operator()(T& p, T g, T& m, T& u) const {
    m += this->new_m * (g - m);
    u = this->largest(this->beta2 * u, std::fabs(g));
    p -= this->step * m / (u + this->eps);
  }
};

// u <- max(beta2 u, |g| + eps). torch, optax.
template <class T>
struct AdamaxInside : AdamaxMoments<T> {
  static constexpr const char* name = "adamax_inside";
  using AdamaxMoments<T>::AdamaxMoments;

  void operator()(T& p, T g, T& m, T& u) const {
    m += this->new_m * (g - m);
    u = this->largest(this->beta2 * u, std::fabs(g) + this->eps);
    p -= this->step * m / u;
  }
};

}  // namespace FASTDL_LEVEL
