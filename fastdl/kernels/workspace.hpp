// Scratch memory.
#pragma once

#include <cstddef>
#include <cstdlib>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "level.hpp"

namespace FASTDL_LEVEL {

// A block of memory, or null; a large one in huge pages where the system has them: what a product packs would else lie
// scattered over the L2 cache, whose lines are chosen by the physical address.
inline void* new_block(std::size_t bytes) {
  constexpr std::size_t huge_page = 2 << 20;
  const std::size_t page = bytes < huge_page ? 64 : huge_page, size = (bytes + page - 1) / page * page;
  void* block = std::aligned_alloc(page, size);
#ifdef __linux__
  if (block && page == huge_page) madvise(block, size, MADV_HUGEPAGE);
#endif
  return block;
}

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
    buffer.data = new_block(bytes);
    buffer.size = buffer.data ? bytes : 0;
  }
  return buffer.data;
}

}  // namespace FASTDL_LEVEL
