// Nadam (Dozat 2016): Adam with Nesterov's look ahead and a schedule of the momentum,
// mu_i = beta1 (1 - 0.96^(i momentum_decay) / 2):
//   p <- p - (lr (1 - mu_t) / (1 - M_t) g + lr mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v / (1 - beta2^t)) + eps)
// with M_t = mu_1 ... mu_t. torch and Dozat: momentum_decay = 0.004; Keras: 1; optax has no schedule: infinity.
#pragma once

#include <cmath>

#include "adam.hpp"

namespace FASTDL_LEVEL {

// log(mu_1 ... mu_t) without the loop over t: with q = 0.96^momentum_decay, log(1 - q^i / 2) = -sum_k (q^i / 2)^k / k, and
// the sum over i is geometric.
inline double log_momentum_product(double t, double beta1, double log_q) {
  double sum = 0;
  for (int k = 1; k <= 60; ++k) {
    const double terms = log_q == 0 ? t : std::exp(k * log_q) * std::expm1(k * t * log_q) / std::expm1(k * log_q);
    sum -= std::pow(0.5, k) / k * terms;
  }
  return t * std::log(beta1) + sum;
}

template <class T>
struct Nadam : Moments<T> {
  static constexpr const char *name = "nadam", *hyper = "lr beta1 beta2 eps momentum_decay";

  T step_g, step_m, eps;

  // All of the fraction is multiplied by sqrt(1 - beta2^t).
  Nadam(double t, const double* h) : Moments<T>(h) {
    const double root = std::sqrt(correction(t, h[2]));
    const double log_q = h[4] * std::log(0.96);
    const double mu = h[1] * (1 - 0.5 * std::exp(t * log_q)), next_mu = h[1] * (1 - 0.5 * std::exp((t + 1) * log_q));
    step_g = T(root * h[0] * (1 - mu) / -std::expm1(log_momentum_product(t, h[1], log_q)));
    step_m = T(root * h[0] * next_mu / -std::expm1(log_momentum_product(t + 1, h[1], log_q)));
    eps = T(root * h[3]);
  }

  void operator()(T& p, T g, T& m, T& v) const {
    this->update(g, m, v);
    p -= (step_g * g + step_m * m) / (std::sqrt(v) + eps);
  }
};

}  // namespace FASTDL_LEVEL
