// Numbers of twice the precision: a rounded value and what rounding lost (Dekker 1971; Knuth 1969).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "level.hpp"

namespace FASTDL_LEVEL {

template <class T>
struct Pair {
  T value;
  T lost;
};

// a + b for |a| >= |b|.
template <class T>
inline Pair<T> sum(T a, T b) {
  const T value = a + b;
  return {value, b - (value - a)};
}

// a + b.
template <class T>
inline Pair<T> add(Pair<T> a, Pair<T> b) {
  const T value = a.value + b.value, of_b = value - a.value;
  return {value, (a.value - (value - of_b)) + (b.value - of_b) + (a.lost + b.lost)};
}

#if defined(__FP_FAST_FMA) && defined(__FP_FAST_FMAF)
template <class T>
inline Pair<T> product(T a, T b) {
  const T value = a * b;
  return {value, std::fma(a, b, -value)};
}
#else
// The upper half of the bits: the product of two such halves is exact.
inline float upper_half(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0xfffff000u;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

inline double upper_half(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0xfffffffff8000000u;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

template <class T>
inline Pair<T> product(T a, T b) {
  const T value = a * b, upper_a = upper_half(a), upper_b = upper_half(b), lower_a = a - upper_a, lower_b = b - upper_b;
  return {value, ((upper_a * upper_b - value) + upper_a * lower_b + lower_a * upper_b) + lower_a * lower_b};
}
#endif

template <class T>
inline Pair<T> multiply(Pair<T> a, Pair<T> b) {
  const Pair<T> p = product(a.value, b.value);
  return {p.value, p.lost + (a.value * b.lost + a.lost * b.value)};
}

// n / d, where `reciprocal` is 1 / d.value rounded.
template <class T>
inline Pair<T> divide(Pair<T> n, Pair<T> d, T reciprocal) {
  const T q = n.value * reciprocal;
  const Pair<T> p = product(q, d.value);
  return {q, (((n.value - p.value) - p.lost) + (n.lost - q * d.lost)) * reciprocal};
}

}  // namespace FASTDL_LEVEL
