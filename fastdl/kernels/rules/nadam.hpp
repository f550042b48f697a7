// Nadam (Dozat 2016): Adam with Nesterov's look ahead and a schedule of the momentum,
// mu_i = beta1 (1 - 0.96^(i momentum_decay) / 2):
//   p <- p - (lr (1 - mu_t) / (1 - M_t) g + lr mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v / (1 - beta2^t)) + eps)
// with M_t = mu_1 ... mu_t. torch and Dozat: momentum_decay = 0.004; Keras: 1; optax has no schedule: infinity.
#pragma once

#include <cmath>

#include "adam.hpp"

namespace FASTDL_LEVEL {

// mu_1 ... mu_t without the loop over t: log(1 - q^i / 2) = -sum_k (q^i / 2)^k / k, and the sum over i is geometric.
inline double momentum_product(double t, double beta1, double q) {
  const double log_q = std::log(q);
  double sum = 0;
  for (int k = 1; k <= 60 && q > 0; ++k)
    sum -= std::pow(0.5, k) / k * std::pow(q, k) * (q < 1 ? std::expm1(k * t * log_q) / std::expm1(k * log_q) : t);
  return std::exp(t * std::log(beta1) + sum);
}

template <class T>
struct Nadam : Moments<T> {
  static constexpr const char *name = "nadam", *hyper = "lr beta1 beta2 eps momentum_decay";

  T step_g, step_m, scale, eps;

  Nadam(double t, const double* h) : Moments<T>(h), eps(T(h[3])) {
    const double q = std::pow(0.96, h[4]);
    const double mu = h[1] * (1 - 0.5 * std::pow(q, t)), next_mu = h[1] * (1 - 0.5 * std::pow(q, t + 1));
    const double product = momentum_product(t, h[1], q);
    step_g = T(h[0] * (1 - mu) / (1 - product));
    step_m = T(h[0] * next_mu / (1 - product * next_mu));
    scale = T(1 / std::sqrt(Correction(t, h[1], h[2]).v));
  }

  void operator()(T& p, T g, T& m, T& v) const {
    this->update(g, m, v);
    p -= (step_g * g + step_m * m) / (scale * std::sqrt(v) + eps);
  }
};

}  // namespace FASTDL_LEVEL
