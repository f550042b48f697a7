// Adam (Kingma and Ba 2015) and AMSGrad (Reddi, Kale and Kumar 2018):
//   m <- m + (1 - beta1)(g - m),  v <- v + (1 - beta2)(g^2 - v),  p <- p - step m / (scale sqrt(v) + eps)
// step and scale hold the bias corrections. They differ in where eps meets them.
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
  static constexpr const char *states = "m v", *hyper = "lr beta1 beta2 eps";

  T new_m, new_v;

  explicit Moments(const double* h) : new_m(T(1 - h[1])), new_v(T(1 - h[2])) {}

  void update(T g, T& m, T& v) const {
    m += new_m * (g - m);
    v += new_v * (g * g - v);
  }
};

// eps added to the root of the uncorrected v ("epsilon hat", end of section 2), which saves a multiplication:
// step = lr sqrt(1 - beta2^t) / (1 - beta1^t). The book, Keras, scikit-learn.
template <class T>
struct Adam : Moments<T> {
  static constexpr const char* name = "adam";

  T step, eps;

  Adam(double t, const double* h) : Moments<T>(h), eps(T(h[3])) {
    const Correction corrections(t, h[1], h[2]);
    step = T(h[0] * std::sqrt(corrections.v) / corrections.m);
  }

  void operator()(T& p, T g, T& m, T& v) const {
    this->update(g, m, v);
    p -= step * m / (std::sqrt(v) + eps);
  }
};

// eps added to the corrected root (algorithm 1): step = lr / (1 - beta1^t), scale = 1 / sqrt(1 - beta2^t). torch, optax.
template <class T>
struct AdamPaper : Moments<T> {
  static constexpr const char* name = "adam_paper";

  T step, scale, eps;

  AdamPaper(double t, const double* h) : Moments<T>(h), eps(T(h[3])) {
    const Correction corrections(t, h[1], h[2]);
    step = T(h[0] / corrections.m);
    scale = T(1 / std::sqrt(corrections.v));
  }

  void operator()(T& p, T g, T& m, T& v) const {
    this->update(g, m, v);
    p -= step * m / (scale * std::sqrt(v) + eps);
  }
};

// AMSGrad: the largest v so far in the place of v, under either form of Adam.
template <class T, class Form>
struct AMSGradOf : Form {
  static constexpr const char* states = "m v v_max";

  AMSGradOf(double t, const double* h) : Form(t, h) {}

  void operator()(T& p, T g, T& m, T& v, T& v_max) const {
    this->update(g, m, v);
    v_max = larger(v_max, v);
    step_by(p, m, v_max, *this);
  }

 private:
  static void step_by(T& p, T m, T v, const Adam<T>& adam) { p -= adam.step * m / (std::sqrt(v) + adam.eps); }
  static void step_by(T& p, T m, T v, const AdamPaper<T>& adam) { p -= adam.step * m / (adam.scale * std::sqrt(v) + adam.eps); }
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
  static constexpr const char *name = "amsgrad_corrected", *states = "m v v_max";

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
