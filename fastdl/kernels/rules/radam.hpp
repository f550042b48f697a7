// RAdam (Liu et al. 2020, algorithm 2): Adam whose adaptive step waits until v has seen enough, and is then rectified by r.
// The paper waits for rho_t > 4, its code and the libraries for 5, as here. Until then p <- p - lr / (1 - beta1^t) m. They differ in where eps is, as the two forms of Adam.
#pragma once

#include <cmath>

#include "adam.hpp"

namespace FASTDL_LEVEL {

// coth(x) - 1 / x for 0 <= x <= 1, right to the last digits: Lambert's continued fraction x / (3 + x^2 / (5 + ...)).
inline double langevin(double x) {
  double denominator = 17;
  for (int odd = 15; odd >= 3; odd -= 2) denominator = odd + x * x / denominator;
  return x / denominator;
}

// rho_t = rho - 2 t beta2^t / (1 - beta2^t) = coth(a / 2) - t coth(t a / 2) + t with a = -log(beta2). At the first of many
// steps the two coth are large and nearly the same; what they have in common is 2 / a.
inline double average_length(double t, double beta2) {
  const double a = -std::log(beta2);
  if (t * a > 2) return 2 / (1 - beta2) - 1 - 2 * t / std::expm1(t * a);
  return t - (t * langevin(t * a / 2) - langevin(a / 2));
}

// The rectification r, or 0 while the adaptive step waits.
inline double rectification(double t, double beta2) {
  const double longest = 2 / (1 - beta2) - 1, length = average_length(t, beta2);
  if (length <= 5) return 0;
  return std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
}

template <class T>
struct RAdamForm : Moments<T> {
  T step, eps;
  bool waits;

  // `is_hat`: eps is added to the root of the uncorrected v.
  RAdamForm(double t, const double* h, bool is_hat) : Moments<T>(h) {
    const Correction corrections(t, h[1], h[2]);
    const double r = rectification(t, h[2]), root = std::sqrt(corrections.v);
    waits = r == 0;
    step = T(h[0] / corrections.m * (waits ? 1 : r * root));
    eps = T(waits ? 1 : is_hat ? h[3] : h[3] * root);
  }

  void operator()(T& p, T g, T& m, T& v) const {
    this->update(g, m, v);
    const T root = waits ? T(0) : std::sqrt(v);  // which may be infinite
    p -= step * m / (root + eps);
  }
};

// torch.
template <class T>
struct RAdam : RAdamForm<T> {
  static constexpr const char* name = "radam";
  RAdam(double t, const double* h) : RAdamForm<T>(t, h, true) {}
};

// optax.
template <class T>
struct RAdamPaper : RAdamForm<T> {
  static constexpr const char* name = "radam_paper";
  RAdamPaper(double t, const double* h) : RAdamForm<T>(t, h, false) {}
};

}  // namespace FASTDL_LEVEL
