// A mini-batch: chosen rows of the data, as floats, times a scale.
#pragma once

#include <cstdint>

#include "plan.hpp"

namespace FASTDL_LEVEL {

constexpr index parallel_gathered = 1 << 16;  // elements

template <class Source, class T>
struct Gather {
  index count, width, data_rows;
  const Source* data;
  const std::int64_t* indices;
  T factor;
  T* out;

  bool pays() const { return count * width >= parallel_gathered; }

  index rows() const { return count; }
  Operands operands() const {
    return Operands().rows_read(indices, count).rows_write(out, count * width).rows_read_all(data, data_rows * width);
  }

  void on_rows(index begin, index end, Memory) const {
    for (index i = begin; i < end; ++i) {
      const Source* row = data + indices[i] * width;
      for (index j = 0; j < width; ++j) out[i * width + j] = T(row[j]) * factor;
    }
  }
};

}  // namespace FASTDL_LEVEL
