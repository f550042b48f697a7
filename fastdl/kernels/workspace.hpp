// Scratch memory.
#pragma once

#include <cstddef>
#include <cstdlib>

#include "level.hpp"

namespace FASTDL_LEVEL {

// Scratch of the calling thread, kept from call to call: the first touch of fresh pages costs more than a small product.
// Null where there is no memory. Valid until this thread's next call.
inline void* workspace(std::size_t bytes) {
  struct Buffer {
    void* data = nullptr;
    std::size_t size = 0;
    ~Buffer() { std::free(data); }
  };
  thread_local Buffer buffer;
  if (bytes > buffer.size) {
    std::free(buffer.data);
    buffer.size = (bytes + 63) / 64 * 64;
    buffer.data = std::aligned_alloc(64, buffer.size);
    if (!buffer.data) buffer.size = 0;
  }
  return buffer.data;
}

}  // namespace FASTDL_LEVEL
