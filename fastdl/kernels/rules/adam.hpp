// Adam (Kingma and Ba 2015) and AMSGrad (Reddi, Kale and Kumar 2018):
//   m <- m + (1 - beta1)(g - m),  v <- v + (1 - beta2)(g^2 - v),  p <- p - step m / (sqrt(v) + eps)
// step = lr sqrt(1 - beta2^t) / (1 - beta1^t) holds the bias corrections. They differ in whether eps does, too.
#pragma once

#include <cmath>

#include "../level.hpp"

namespace FASTDL_LEVEL {

// 1 - beta^t, to the last digits also where beta^t is nearly 1.
inline double correction(double t, double beta) { return -std::expm1(t * std::log(beta)); }

struct Correction {
  double m, v;

  Correction(double t, double beta1, double beta2) : m(correction(t, beta1)), v(correction(t, beta2)) {}
};

// The larger of two; a NaN in the first stays, as one in the second does.
template <class T>
inline T larger(T a, T b) {
  return a > b || a != a ? a : b;
}

template <class T>
struct Moments {
  static constexpr const char *states = "m +v", *hyper = "lr beta1 beta2 eps";

  T new_m, new_v;

  explicit Moments(const double* h) : new_m(T(1 - h[1])), new_v(T(1 - h[2])) {}

  void update(T g, T& m, T& v) const {
    m += new_m * (g - m);
    v += new_v * (g * g - v);
  }
};

template <class T>
struct AdamForm : Moments<T> {
  T step, eps;

  // `is_hat`: eps is added to the root of the uncorrected v.
  AdamForm(double t, const double* h, bool is_hat) : Moments<T>(h) {
    const Correction corrections(t, h[1], h[2]);
    const double root = std::sqrt(corrections.v);
    step = T(h[0] * root / corrections.m);
    eps = T(is_hat ? h[3] : h[3] * root);
  }

  void operator()(T& p, T g, T& m, T& v) const {
    this->update(g, m, v);
    p -= step * m / (std::sqrt(v) + eps);
  }
};

// "epsilon hat", end of section 2. The book, Keras, scikit-learn.
template <class T>
struct Adam : AdamForm<T> {
  static constexpr const char* name = "adam";
  Adam(double t, const double* h) : AdamForm<T>(t, h, true) {}
};

// eps added to the corrected root: algorithm 1, multiplied out by sqrt(1 - beta2^t). torch, optax.
template <class T>
struct AdamPaper : AdamForm<T> {
  static constexpr const char* name = "adam_paper";
  AdamPaper(double t, const double* h) : AdamForm<T>(t, h, false) {}
};

// AMSGrad: the largest v so far in the place of v, under either form of Adam.
template <class T, class Form>
struct AMSGradOf : Form {
  static constexpr const char* states = "m +v +v_max";

  AMSGradOf(double t, const double* h) : Form(t, h) {}

  void operator()(T& p, T g, T& m, T& v, T& v_max) const {
    this->update(g, m, v);
    v_max = larger(v_max, v);
    p -= this->step * m / (std::sqrt(v_max) + this->eps);
  }
};

// Keras.
template <class T>
struct AMSGrad : AMSGradOf<T, Adam<T>> {
  static constexpr const char* name = "amsgrad";
  using AMSGradOf<T, Adam<T>>::AMSGradOf;
};

// torch.
template <class T>
struct AMSGradPaper : AMSGradOf<T, AdamPaper<T>> {
  static constexpr const char* name = "amsgrad_paper";
  using AMSGradOf<T, AdamPaper<T>>::AMSGradOf;
};

// The largest of the corrected v. optax.
template <class T>
struct AMSGradCorrected : Moments<T> {
  static constexpr const char *name = "amsgrad_corrected", *states = "m +v +v_max";

  T step, correct_v, eps;

  AMSGradCorrected(double t, const double* h) : Moments<T>(h), eps(T(h[3])) {
    const Correction corrections(t, h[1], h[2]);
    step = T(h[0] / corrections.m);
    correct_v = T(1 / corrections.v);
  }

  void operator()(T& p, T g, T& m, T& v, T& v_max) const {
    this->update(g, m, v);
    const T corrected = correct_v * v;
    v_max = larger(v_max, corrected);
    p -= step * m / (std::sqrt(v_max) + eps);
  }
};

}  // namespace FASTDL_LEVEL
