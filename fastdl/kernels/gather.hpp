// A mini-batch: chosen rows of the data, as floats, times a scale.
#pragma once

#include <cstdint>

#include "plan.hpp"

namespace FASTDL_LEVEL {

constexpr index parallel_gathered = 1 << 16;  // elements

template <class Source, class T>
struct Gather {
  index count, width;
  const Source* data;
  const std::int64_t* indices;
  T factor;
  T* out;

  bool pays() const { return count * width >= parallel_gathered; }

  void operator()(const Team& team, Memory) const {
    team.share(count, [&](index i) {
      const Source* row = data + indices[i] * width;
      for (index j = 0; j < width; ++j) out[i * width + j] = T(row[j]) * factor;
    });
  }
};

}  // namespace FASTDL_LEVEL
