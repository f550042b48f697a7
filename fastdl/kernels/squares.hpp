// Sums of squares, in double precision.
#pragma once

#include "team.hpp"

namespace FASTDL_LEVEL {

// In eight partial sums, whatever the vector: the order of the additions is part of the result.
template <class T>
double sum_squares(const T* x, index count) {
  double partial[8] = {};
  index i = 0;
  for (; i + 8 <= count; i += 8)
    for (int q = 0; q < 8; ++q) partial[q] += double(x[i + q]) * double(x[i + q]);
  for (; i < count; ++i) partial[i % 8] += double(x[i]) * double(x[i]);
  double sum = 0;
  for (int q = 0; q < 8; ++q) sum += partial[q];
  return sum;
}

// Whether no element is infinite or NaN: x - x is 0 for the others.
template <class T>
bool is_finite(const T* x, index count) {
  T sum = 0;
#pragma GCC ivdep
  for (index i = 0; i < count; ++i) sum += (x[i] - x[i]) != 0 ? T(1) : T(0);
  return sum == 0;
}

}  // namespace FASTDL_LEVEL
