// Sums of squares, in double precision.
#pragma once

#include "team.hpp"

namespace FASTDL_LEVEL {

// In sixteen partial sums, whatever the vector: the order of the additions is part of the result. The more sums there are,
// the fewer roundings each has.
template <class T>
double sum_squares(const T* x, index count) {
  double partial[16] = {};
  index i = 0;
  for (; i + 16 <= count; i += 16)
    for (int q = 0; q < 16; ++q) partial[q] += double(x[i + q]) * double(x[i + q]);
  for (; i < count; ++i) partial[i % 16] += double(x[i]) * double(x[i]);
  for (int half = 8; half > 0; half /= 2)
    for (int q = 0; q < half; ++q) partial[q] += partial[q + half];
  return partial[0];
}

// Whether every element is a finite T: x - x is 0 for these alone.
template <class T, class Source>
bool is_finite(const Source* x, index count) {
  T found = 0;
#pragma GCC ivdep
  for (index i = 0; i < count; ++i) found += T(x[i]) - T(x[i]) != 0 ? T(1) : T(0);
  return found == 0;
}

}  // namespace FASTDL_LEVEL
