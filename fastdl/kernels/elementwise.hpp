// Functions of the elements of several arrays: f(a + b), and what a user wrote.
#pragma once

#include "activations.hpp"

namespace FASTDL_LEVEL {

template <class F, class T>
struct Add {
  F f;
  index size;
  const T *a, *b;
  T* y;

  bool pays() const { return size >= parallel_activated; }

  index rows() const { return size; }
  Operands operands() const { return Operands().rows_read(a, size).rows_read(b, size).rows_write(y, size); }

  void on_rows(index begin, index end, Memory) const {
    for (index i = begin; i < end; ++i) y[i] = f.forward(a[i] + b[i]);
  }
};

// Elements of a user's function, whose exp and the like are mostly the C library's, one at a time.
constexpr index parallel_mapped = 1 << 12;

template <class T>
struct MapElements {
  fastdl_mapping mapping;
  index size;

  bool pays() const { return size >= parallel_mapped; }

  void operator()(const Team& team, Memory) const {
    share_elements(team, size, [&](index offset, index count) {
      void* arrays[fastdl_max_mapped];
      for (int k = 0; k < mapping.array_count; ++k) arrays[k] = static_cast<T*>(mapping.arrays[k]) + offset;
      mapping.tile(count, arrays, mapping.coefficients);
    });
  }
};

}  // namespace FASTDL_LEVEL
