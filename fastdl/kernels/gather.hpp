// A mini-batch: chosen rows of the data, as floats, times a scale.
#pragma once

#include <cstdint>

#include "team.hpp"

namespace FASTDL_LEVEL {

constexpr index parallel_gathered = 1 << 16;  // elements

template <class Source, class T>
void gather(int threads, index count, index width, const Source* data, const std::int64_t* indices, double scale, T* out) {
  const T factor = T(scale);
  run(count * width < parallel_gathered ? 1 : threads, [&](const Team& team) {
    team.share(count, [&](index i) {
      const Source* row = data + indices[i] * width;
      for (index j = 0; j < width; ++j) out[i * width + j] = T(row[j]) * factor;
    });
  });
}

}  // namespace FASTDL_LEVEL
